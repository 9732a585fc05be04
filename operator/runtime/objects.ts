/**
 * Kubernetes objects as plain JSON. Nothing here is a typed class: a client that decodes into its own classes drops
 * the fields it does not know, and server-side apply would then take them away from the object.
 */

/** One owner of an object; the garbage collector follows `uid`. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Who set which fields, as the API server keeps it. `fieldsV1` is a set of paths: `f:`, `k:` and `v:` keys. */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: Record<string, unknown>;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: readonly OwnerReference[];
  finalizers?: readonly string[];
  managedFields?: readonly ManagedFields[];
  creationTimestamp?: string;
  deletionTimestamp?: string;
}

/** Any object of the API, with whatever fields its kind has. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** A kind and the word that its URLs use, e.g. `{ apiVersion: "apps/v1", kind: "Deployment", plural: "deployments" }`. */
export interface ResourceKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

/** A kind where its plural does not matter; every object is one. */
export type KindRef = Pick<ResourceKind, "apiVersion" | "kind">;

/** Where an object lives. `namespace` is "" for what is cluster-scoped, so that a key is always two strings. */
export interface Key {
  readonly namespace: string;
  readonly name: string;
}

/** The key of an object. */
export function keyOf(object: KubeObject): Key {
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
}

/** `namespace/name`, as logs and queues use it. Neither part may hold a slash, so it can be parsed back. */
export function formatKey(key: Key): string {
  return `${key.namespace}/${key.name}`;
}

/** The inverse of formatKey. */
export function parseKey(text: string): Key {
  const slash = text.indexOf("/");
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** One string for a kind, to be a key of maps: two versions of one kind are two kinds. */
export function kindId(kind: KindRef): string {
  return `${kind.apiVersion}/${kind.kind}`;
}

/**
 * The path of a collection or of one object: `/api/v1/…` for the core group, `/apis/GROUP/VERSION/…` for the others.
 * Without a namespace it is the cluster-wide collection (or a cluster-scoped object).
 */
export function pathOf(kind: ResourceKind, namespace?: string, name?: string, subresource?: string): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const parts = [root];
  if (namespace) parts.push("namespaces", encodeURIComponent(namespace));
  parts.push(kind.plural);
  if (name) parts.push(encodeURIComponent(name));
  if (subresource) parts.push(subresource);
  return parts.join("/");
}

/**
 * Compares two resource versions: below zero when `a` is older. Since Kubernetes 1.35 they are promised to be decimal
 * numbers that grow (KEP-5504); they may exceed what a JavaScript number holds, so length decides first.
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
