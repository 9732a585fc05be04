import type { Log } from "./log.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";
import { runWatch, type WatchDeps } from "./watch.ts";

/** One object, by its name. */
export interface ObjectTarget {
  readonly kind: ResourceKind;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Follows one object until the signal: `take` gets it as it is at first, and after each change. That it is deleted says
 * nothing: what was known stands. Needs get, list and watch of that one name.
 */
export function watchObject(
  deps: WatchDeps & { readonly log: Log },
  { kind, namespace, name }: ObjectTarget,
  take: (object: KubeObject) => void,
): Promise<void> {
  const { log } = deps;
  const about = { kind: kind.kind, name };
  const target = { kind, namespace, fieldSelector: `metadata.name=${name}` };
  return runWatch(deps, target, {
    onList: (items) => {
      for (const item of items) take(item);
      if (items.length === 0) log.warn(about, "what is to be watched is not there yet");
    },
    onEvent: ({ type, object }) => {
      if (type === "ADDED" || type === "MODIFIED") take(object);
    },
    onFailure: (error, delayMs) =>
      log.warn(
        { ...about, reason: String(error), delayMs: Math.round(delayMs) },
        "cannot be watched, and is tried again",
      ),
    onRecovery: () => log.info(about, "is watched again"),
  });
}
