import type { KubeApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import type { ForbiddenError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { KindRef, KubeObject, ResourceKind } from "./objects.ts";
import type { WatchTiming } from "./watch.ts";

/** What to watch of a kind. */
export interface WatchSpec {
  readonly kind: ResourceKind;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Of a cluster-wide watch: this namespace alone, whoever's objects are in the others. */
  readonly namespace?: string;
}

/** One change of the cache. `old` is absent on the first sight of an object; `object` is the last known on deletion. */
export interface CacheEvent {
  readonly type: "added" | "modified" | "deleted";
  readonly kind: ResourceKind;
  readonly object: KubeObject;
  readonly old?: KubeObject;
}

/** How far the watches of a namespace are; `forbidden` wins over `syncing`, which wins over `ready`. */
export type NamespaceState =
  /** `namespace` was not called, or `release` was. */
  | { readonly name: "unwatched" }
  /** At least one kind was never listed. `reason`: what its last attempt said. */
  | { readonly name: "syncing"; readonly reason?: string }
  /** All kinds were listed. They may lag, as caches do, and go on being read while the API server is away. */
  | { readonly name: "ready" }
  /** RBAC refuses at least one kind. It is tried again every 10 s at most. */
  | { readonly name: "forbidden"; readonly error: ForbiddenError };

export interface CacheOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Ends every watch. */
  readonly signal: AbortSignal;
  /** Watched in all namespaces (or cluster-scoped), from `start` on. */
  readonly clusterWide: readonly WatchSpec[];
  /** Watched in each namespace that `namespace(ns)` named. No kind may be in both. */
  readonly perNamespace: readonly WatchSpec[];
  /** Only this manager's managedFields are kept in cached objects; those of others are dropped to save memory. */
  readonly fieldManager: string;
  /** For tests: how patient the watches are. */
  readonly timing?: Partial<WatchTiming>;
}

/** Reading what was seen. Objects are shared by all readers: whoever changes one breaks the others. */
export interface CacheReader {
  /** What was last seen. Throws for a kind or namespace that is not watched: that is a bug, not an empty world. */
  get(kind: KindRef, ns: string | undefined, name: string): KubeObject | undefined;
  /** In order of name. `labels`: only those that carry all of them. Without a namespace: all that is watched. */
  list(kind: KindRef, ns: string | undefined, labels?: Readonly<Record<string, string>>): KubeObject[];
}

/** Local copies of collections, kept by list and watch. */
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
