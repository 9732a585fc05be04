import type { KubeApi } from "./api.ts";
import type { Cache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Key, KubeObject, ResourceKind } from "./objects.ts";

export interface ReconcileResult {
  /** Come again after that long (sooner when something changes). Absent: only at the next change or resync. */
  readonly requeueAfterMs?: number;
}

/** What a reconcile may use. `api` and `signal` die with the leadership that this work belongs to. */
export interface ReconcileDeps {
  readonly api: KubeApi;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface WatchedKind {
  readonly kind: ResourceKind;
  /** Whether an update is worth a reconcile. Default: for the primary kind anything but status; for others any. */
  readonly changed?: (old: KubeObject, object: KubeObject) => boolean;
  /** The primaries that an object concerns. Default: `ownerOf` of the controller. */
  readonly ownersOf?: (object: KubeObject) => readonly Key[];
}

export interface ControllerOptions {
  readonly name: string;
  readonly api: KubeApi;
  /** Must watch `primary` cluster-wide and every owned kind. */
  readonly cache: Cache;
  readonly primary: WatchedKind;
  readonly owned: readonly WatchedKind[];
  /** The name of the primary in the same namespace that an owned object belongs to. */
  readonly ownerOf: (object: KubeObject) => string | undefined;
  /**
   * Brings one primary to its desired state. Called never twice at once for a key. Called also when the primary is
   * gone (the cache has none). Errors: TerminalError is not retried; all others back off, 5 ms doubling to 30 s.
   */
  readonly reconcile: (key: Key, deps: ReconcileDeps) => Promise<ReconcileResult>;
  /** Keys worked at once. Default 2. */
  readonly concurrency?: number;
  /** Every primary is looked at again after about that long, in case an event was lost. Default 10 min. */
  readonly resyncMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Hard end: the leadership is lost, or the grace is over. */
  readonly signal: AbortSignal;
  /** Soft end: hand out no more keys, let what runs finish (30 s at most), then resolve. */
  readonly stopping?: AbortSignal;
  readonly metrics: Metrics;
}

/** Runs until told to stop; resolves when nothing is running any more. */
export function runController(_options: ControllerOptions): Promise<void> {
  throw new Error("not built yet");
}
