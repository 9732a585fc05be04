import type { KubeApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import type { ForbiddenError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";

/** What to watch of a kind. */
export interface WatchSpec {
  readonly kind: ResourceKind;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** One change of the cache. `old` is absent on the first sight of an object; `object` is the last known on deletion. */
export interface CacheEvent {
  readonly type: "added" | "modified" | "deleted";
  readonly kind: ResourceKind;
  readonly object: KubeObject;
  readonly old?: KubeObject;
}

export type NamespaceState =
  | { readonly name: "unwatched" }
  | { readonly name: "syncing"; readonly reason?: string }
  | { readonly name: "ready" }
  | { readonly name: "forbidden"; readonly error: ForbiddenError };

export interface CacheOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends every watch. */
  readonly signal: AbortSignal;
  /** Watched in all namespaces (or cluster-scoped), from `start` on. */
  readonly clusterWide: readonly WatchSpec[];
  /** Watched in each namespace that `namespace(ns)` named. */
  readonly perNamespace: readonly WatchSpec[];
  /** Only this manager's managedFields are kept in cached objects; those of others are dropped to save memory. */
  readonly fieldManager: string;
}

export interface CacheReader {
  /** What was last seen. Frozen by agreement: whoever changes it breaks every other reader. Throws for a kind or namespace that is not watched. */
  get(kind: ResourceKind, ns: string | undefined, name: string): KubeObject | undefined;
  /** In order of name. `labels`: only those that carry all of them. Without a namespace (cluster-wide kinds): all. */
  list(kind: ResourceKind, ns: string | undefined, labels?: Readonly<Record<string, string>>): KubeObject[];
}

export interface Cache extends CacheReader {
  /** Begins the cluster-wide watches. */
  start(): void;
  /** Resolves when the cluster-wide kinds are synced. Rejects with ForbiddenError when RBAC refuses one. */
  ready(): Promise<void>;
  /** Begins the watches of a namespace; does nothing when they run. */
  namespace(ns: string): void;
  /** Ends the watches of a namespace and forgets what they saw. */
  release(ns: string): void;
  /** How far a namespace's watches are, now. */
  stateOf(ns: string): NamespaceState;
  /**
   * Starts the namespace when needed; resolves when all its kinds are synced. Rejects with ForbiddenError as soon as
   * RBAC refuses one (it is tried again by itself), with TransientError after `timeoutMs` (default 10 000).
   */
  namespaceReady(ns: string, timeoutMs?: number): Promise<void>;
  /** Puts the result of an own write where readers see it at once, unless the watch is already past it. */
  observe(object: KubeObject): void;
  /** Called after each change, synchronously. Returns the unsubscribe function. */
  onEvent(listener: (event: CacheEvent) => void): () => void;
  /** Called when a namespace becomes ready or forbidden. */
  onNamespace(listener: (ns: string) => void): () => void;
}

export function createCache(_options: CacheOptions): Cache {
  throw new Error("not built yet");
}
