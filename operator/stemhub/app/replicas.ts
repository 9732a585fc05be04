import type { Component } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { fieldManager } from "../metadata.ts";

/** Holds spec.replicas between the operator, which began with it, and the autoscaler, which will go on with it. */
export const handoverManager = `${fieldManager}-handover`;

/**
 * What the operator says about a Deployment's replicas: a number, or nothing when they are the autoscaler's.
 * Why it is not simply left out from the beginning: docs/decisions/0002-replicas-and-the-hpa.md.
 */
export function replicasToApply(component: Component, live: KubeObject | undefined): number | undefined {
  if (!component.autoscaling) return component.replicas.min;
  return live ? undefined : component.replicas.min;
}

/**
 * The object that hands spec.replicas over, to be applied by `handoverManager` before ours is applied without the
 * field; undefined when there is nothing to hand over. It names the resourceVersion that was read, so that it is
 * refused when anybody has scaled meanwhile.
 */
export function replicasHandover(component: Component, live: KubeObject | undefined): KubeObject | undefined {
  if (!component.autoscaling || !live || !ownsReplicas(live)) return undefined;
  const { name, namespace, resourceVersion } = live.metadata;
  const replicas = (live.spec as { replicas?: number }).replicas ?? component.replicas.min;
  return {
    apiVersion: live.apiVersion,
    kind: live.kind,
    metadata: { name, ...(namespace ? { namespace } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    spec: { replicas },
  };
}

/** Are the replicas among the fields that the operator applied? */
function ownsReplicas(live: KubeObject): boolean {
  return (live.metadata.managedFields ?? []).some((entry) => {
    const spec = entry.fieldsV1?.["f:spec"] as Record<string, unknown> | undefined;
    return entry.manager === fieldManager && entry.operation === "Apply" && spec?.["f:replicas"] !== undefined;
  });
}
