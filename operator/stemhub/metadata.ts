import type { ComponentName, StemHub } from "../api/stemhub.ts";
import type { KubeObject } from "../runtime/objects.ts";

/** What a part of the platform is called in the label `app.kubernetes.io/component`. */
export type Part =
  | ComponentName
  | "backup"
  | "database"
  | "database-proxy"
  | "gateway"
  | "migration"
  | "pki"
  | "queue"
  | "queue-store"
  | "release";

/** The label that every object of ours carries, and by which the operator's caches select. */
export const managedByLabel = { "app.kubernetes.io/managed-by": "stemhub-operator" } as const;

/** The label that leads from a child back to its StemHub. */
export const stemhubLabel = "stemhub.dev/stemhub";

/** Labels by which Services, PDBs and spreads select the pods of one part: never changed, since selectors cannot be. */
export function selectorLabels(stemhub: string, part: Part): Record<string, string> {
  return {
    "app.kubernetes.io/name": "stemhub",
    "app.kubernetes.io/instance": stemhub,
    "app.kubernetes.io/component": part,
  };
}

/** All labels of a child: the selector's, who manages it, and whose it is. */
export function childLabels(stemhub: string, part: Part): Record<string, string> {
  return { ...selectorLabels(stemhub, part), ...managedByLabel, [stemhubLabel]: stemhub };
}

/**
 * The label by which our Services select, beside their own: on every pod that they may lead to, and outside the selectors
 * of those who make pods, so that a pod that loses it (nodes/serving.ts) is still theirs.
 */
export const servingLabel = { "stemhub.dev/serving": "true" } as const;

/** Labels of a pod that a Service leads to. */
export function podLabels(stemhub: string, part: Part): Record<string, string> {
  return { ...childLabels(stemhub, part), ...servingLabel };
}

/** What a Service selects. */
export function serviceSelector(stemhub: string, part: Part): Record<string, string> {
  return { ...selectorLabels(stemhub, part), ...servingLabel };
}

/** The StemHub as owner: Kubernetes' garbage collector removes what names it. */
export function ownerReference(stemhub: StemHub) {
  return {
    apiVersion: stemhub.apiVersion,
    kind: stemhub.kind,
    name: stemhub.metadata.name,
    uid: stemhub.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Metadata of a child that goes with its StemHub. The CR's own labels and annotations are not copied (design). */
export function childMetadata(stemhub: StemHub, name: string, part: Part): KubeObject["metadata"] {
  return { ...keptMetadata(stemhub, name, part), ownerReferences: [ownerReference(stemhub)] };
}

/**
 * Metadata of a child that outlives its StemHub: no owner, so the garbage collector leaves it. With it a StemHub
 * created again under the same name finds its passwords and its authority, and so its data.
 */
export function keptMetadata(stemhub: StemHub, name: string, part: Part): KubeObject["metadata"] {
  const namespace = stemhub.metadata.namespace;
  return { name, ...(namespace ? { namespace } : {}), labels: childLabels(stemhub.metadata.name, part) };
}

/** Whose the fields are that the operator applies. */
export const fieldManager = "stemhub-operator";

/** The annotation with the hash of what was last applied to an object. */
export const appliedAnnotation = "stemhub.dev/applied";
