import type { Cache, CacheReader } from "../../runtime/cache.ts";
import type { KubeObject, ResourceKind } from "../../runtime/objects.ts";

export const nodeKind: ResourceKind = { apiVersion: "v1", kind: "Node", plural: "nodes" };

/** Is a node closed to new pods, as `kubectl cordon` and, before it evicts any pod, `kubectl drain` do? */
export function isCordoned(cache: CacheReader, node: string | undefined): boolean {
  const found = node === undefined ? undefined : cache.get(nodeKind, undefined, node);
  return found !== undefined && isClosed(found);
}

/** Calls the listener when a node is closed or opened. Returns the unsubscribe function. */
export function onCordon(cache: Pick<Cache, "onEvent">, listener: () => void): () => void {
  return cache.onEvent(({ kind, old, object }) => {
    if (kind.kind === nodeKind.kind && old !== undefined && isClosed(old) !== isClosed(object)) listener();
  });
}

function isClosed({ spec }: KubeObject): boolean {
  return (spec as { unschedulable?: boolean } | undefined)?.unschedulable === true;
}
