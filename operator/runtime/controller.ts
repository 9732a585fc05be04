import type { KubeApi } from "./api.ts";
import type { Cache, CacheEvent } from "./cache.ts";
import type { Clock } from "./clock.ts";
import { retryAfterOf, TerminalError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Metrics, ReconcileOutcome } from "./metrics.ts";
import { formatKey, type Key, type KubeObject, keyOf, kindId, parseKey, type ResourceKind } from "./objects.ts";
import { WorkQueue } from "./queue.ts";
import { runWorkers } from "./workers.ts";

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
  /** The primaries that an object concerns. Default: `ownerOf` of the controller, in the object's namespace. */
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
  /** Other reasons for a pass than objects: called once, with what to call then. Returns the unsubscribe function. */
  readonly alsoWhen?: (reconcile: (key: Key) => void) => () => void;
  /**
   * Brings one primary to its desired state. Never called twice at once for a key. Called also when the primary is
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
  readonly random?: () => number;
}

const defaultConcurrency = 2;
const defaultResyncMs = 10 * 60_000;

/**
 * Turns changes in the cache into reconciles, until told to stop; resolves when nothing is running any more.
 *
 * Watches of a namespace are started when a primary is seen in it, and ended after the last one there is gone.
 */
export async function runController(options: ControllerOptions): Promise<void> {
  const { name, cache, primary, clock, metrics, log, random = Math.random } = options;
  const concurrency = options.concurrency ?? defaultConcurrency;
  metrics.controllerStarted(name, concurrency);
  const queue = new WorkQueue({ name, clock, metrics, random });

  const stopListening = [
    cache.onEvent((event) => {
      for (const key of concerned(options, event)) queue.add(formatKey(key));
    }),
    cache.onNamespace((ns) => {
      for (const object of cache.list(primary.kind, ns || undefined)) queue.add(formatKey(keyOf(object)));
    }),
  ];
  const { alsoWhen } = options;
  if (alsoWhen) stopListening.push(alsoWhen((key) => queue.add(formatKey(key))));
  for (const object of cache.list(primary.kind, undefined)) queue.add(formatKey(keyOf(object)));

  const work = async (text: string, signal: AbortSignal) => {
    const key = parseKey(text);
    const result = await reconcileOnce(options, key, signal);
    if (signal.aborted) return; // The failure, if any, is the abort's.
    switch (result.outcome) {
      case "success":
      case "requeue_after":
        queue.forget(text);
        if (cache.get(primary.kind, key.namespace || undefined, key.name)) {
          const resyncMs = (options.resyncMs ?? defaultResyncMs) * (0.9 + random() / 5);
          queue.addAfter(text, Math.min(resyncMs, result.requeueAfterMs ?? resyncMs));
        } else {
          releaseIfEmpty(options, key.namespace);
        }
        return;
      case "error":
        if (result.terminal) queue.forget(text);
        else queue.retry(text, result.atLeastMs);
        return;
    }
  };
  try {
    const { signal, stopping } = options;
    await runWorkers({ queue, concurrency, work, clock, signal, ...(stopping ? { stopping } : {}) });
  } finally {
    for (const stop of stopListening) stop();
    log.info({ controller: name }, "controller stopped");
  }
}

type Outcome =
  | { readonly outcome: "success" }
  | { readonly outcome: "requeue_after"; readonly requeueAfterMs: number }
  | { readonly outcome: "error"; readonly terminal: boolean; readonly atLeastMs: number };

async function reconcileOnce(
  options: ControllerOptions,
  key: Key,
  signal: AbortSignal,
): Promise<Outcome & { requeueAfterMs?: number }> {
  const { name, api, cache, clock, metrics } = options;
  const log = options.log;
  const startedAt = clock.monotonic();
  const count = (outcome: ReconcileOutcome, terminal = false) =>
    metrics.reconcileDone(name, outcome, (clock.monotonic() - startedAt) / 1000, terminal);
  metrics.reconcileStarted(name);
  try {
    if (key.namespace) cache.namespace(key.namespace);
    const deps = { api: api.bound({ signal }), cache, clock, log, signal };
    const { requeueAfterMs } = await options.reconcile(key, deps);
    count(requeueAfterMs === undefined ? "success" : "requeue_after");
    return requeueAfterMs === undefined ? { outcome: "success" } : { outcome: "requeue_after", requeueAfterMs };
  } catch (error) {
    const terminal = error instanceof TerminalError;
    count("error", terminal);
    const about = { controller: name, key: formatKey(key), reason: reasonOf(error) };
    if (signal.aborted) log.info(about, "a reconcile was ended");
    else if (terminal) log.error(about, "a reconcile failed and waits for a change");
    else log.warn(about, "a reconcile failed and is tried again");
    return { outcome: "error", terminal, atLeastMs: retryAfterOf(error) ?? 0 };
  }
}

/** The primaries that an event concerns. A bug in a caller's predicate costs a log line, not the watch. */
function concerned(options: ControllerOptions, event: CacheEvent): readonly Key[] {
  const { primary, owned, ownerOf, log } = options;
  const isPrimary = kindId(event.kind) === kindId(primary.kind);
  const watched = isPrimary ? primary : owned.find((one) => kindId(one.kind) === kindId(event.kind));
  if (!watched) return [];
  try {
    const changed = watched.changed ?? (isPrimary ? changedBeyondStatus : () => true);
    if (event.old && event.type === "modified" && !changed(event.old, event.object)) return [];
    if (watched.ownersOf) return watched.ownersOf(event.object);
    if (isPrimary) return [keyOf(event.object)];
    const owner = ownerOf(event.object);
    return owner ? [{ namespace: event.object.metadata.namespace ?? "", name: owner }] : [];
  } catch (error) {
    log.error({ kind: event.kind.kind, reason: reasonOf(error) }, "an event could not be mapped to its owner");
    return [];
  }
}

/** Generation covers the spec; the rest is what people set on metadata. Status, ours, is left out. */
function changedBeyondStatus(old: KubeObject, object: KubeObject): boolean {
  const said = ({ metadata }: KubeObject) =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.deletionTimestamp,
      metadata.labels,
      metadata.annotations,
      metadata.finalizers,
    ]);
  return said(old) !== said(object);
}

function releaseIfEmpty({ cache, primary }: ControllerOptions, namespace: string): void {
  if (namespace && cache.list(primary.kind, namespace).length === 0) cache.release(namespace);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
