import type { WatchEvent } from "./api.ts";
import { compareResourceVersions, formatKey, type KubeObject, keyOf } from "./objects.ts";

/** What one change did to one object of the store. */
export type Change =
  | { readonly type: "added"; readonly object: KubeObject }
  | { readonly type: "modified"; readonly object: KubeObject; readonly old: KubeObject }
  | { readonly type: "deleted"; readonly object: KubeObject };

/**
 * The objects of one collection as of one resource version. It takes lists, watch events and the results of own writes,
 * which come by different ways and so in any order, and never goes back in time:
 *
 * - An object is replaced only by a newer one.
 * - An own write is taken only when the watch is not yet past it. Past it, the watch has told all that happened to the
 *   object since, perhaps its deletion: taking the late answer would bring a ghost to life that no event ever removes.
 * - A list that does not show an object deletes it, unless the object is newer than the list (an own write): then the
 *   watch that follows the list will tell of it.
 * - A list that is older than what the watch had reached means that the cluster was restored from a backup: then the
 *   list is the truth as it stands.
 */
export class Store {
  readonly #objects = new Map<string, KubeObject>();
  #resourceVersion: string | undefined;

  /** The version up to which everything is known; undefined before the first list. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(formatKey({ namespace, name }));
  }

  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  /** Takes a whole list. Objects that vanished while nobody watched are reported as deleted. */
  replace(items: readonly KubeObject[], resourceVersion: string): Change[] {
    const rewound =
      this.#resourceVersion !== undefined && compareResourceVersions(resourceVersion, this.#resourceVersion) < 0;
    const changes: Change[] = [];
    const listed = new Set<string>();
    for (const item of items) {
      listed.add(formatKey(keyOf(item)));
      const change = this.#put(item, rewound);
      if (change) changes.push(change);
    }
    for (const [key, object] of this.#objects) {
      if (listed.has(key) || (!rewound && compareResourceVersions(versionOf(object), resourceVersion) > 0)) continue;
      this.#objects.delete(key);
      changes.push({ type: "deleted", object });
    }
    this.#resourceVersion = resourceVersion;
    return changes;
  }

  /** Takes one event of the watch. */
  take(event: WatchEvent): Change | undefined {
    this.#resourceVersion = versionOf(event.object);
    switch (event.type) {
      case "BOOKMARK":
        return undefined;
      case "ADDED":
      case "MODIFIED":
        return this.#put(event.object, false);
      case "DELETED":
        return this.#remove(event.object);
    }
  }

  /** Takes the result of an own write. */
  observe(object: KubeObject): Change | undefined {
    if (this.#resourceVersion === undefined) return undefined;
    if (compareResourceVersions(versionOf(object), this.#resourceVersion) <= 0) return undefined;
    return this.#put(object, false);
  }

  #put(object: KubeObject, force: boolean): Change | undefined {
    const key = formatKey(keyOf(object));
    const old = this.#objects.get(key);
    if (old && !force && compareResourceVersions(versionOf(object), versionOf(old)) <= 0) return undefined;
    if (old && versionOf(object) === versionOf(old)) return undefined;
    this.#objects.set(key, object);
    return old ? { type: "modified", object, old } : { type: "added", object };
  }

  #remove(last: KubeObject): Change | undefined {
    const key = formatKey(keyOf(last));
    const known = this.#objects.get(key);
    if (!known || compareResourceVersions(versionOf(known), versionOf(last)) > 0) return undefined;
    this.#objects.delete(key);
    return { type: "deleted", object: last };
  }
}

function versionOf(object: KubeObject): string {
  return object.metadata.resourceVersion ?? "0";
}
