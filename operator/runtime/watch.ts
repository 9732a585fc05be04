import type { KubeApi, Selectors, WatchEvent } from "./api.ts";
import { type BackoffLimits, backoffMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { assertNever, ExpiredError, ForbiddenError, retryAfterOf } from "./errors.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";

/** Where a watch of one collection stands. `step` makes the only transitions. */
export type WatchState =
  /** Nothing is known, or what is known cannot be resumed from. Leads to listing; a failure stays here. */
  | { readonly name: "empty" }
  /** Some pages of a list were read. Leads to listed after the last page. Any failure starts over: empty. */
  | { readonly name: "listing"; readonly items: readonly KubeObject[]; readonly continue: string }
  /**
   * Everything up to resourceVersion is known and no connection is open. Leads to watching when the server accepts.
   * A failure stays here, so that nothing that happens meanwhile is lost; 410 (too old to resume) leads to empty.
   */
  | { readonly name: "listed"; readonly resourceVersion: string }
  /**
   * Events arrive, or would. Each one moves resourceVersion. The end of the connection, by whatever cause, leads to
   * listed; 410 leads to empty.
   */
  | { readonly name: "watching"; readonly resourceVersion: string; readonly events: AsyncIterator<WatchEvent> };

/** What a step learned, to be taken in this order: `list` or `event`, then `error`. */
export interface Step {
  readonly next: WatchState;
  readonly list?: { readonly items: readonly KubeObject[]; readonly resourceVersion: string };
  readonly event?: WatchEvent;
  /** The step failed: whoever steps must back off. */
  readonly error?: unknown;
}

/** The two requests that a watch is made of, for one collection. */
export interface WatchSource {
  page(next: string | undefined): Promise<{ items: KubeObject[]; resourceVersion: string; continue?: string }>;
  watch(resourceVersion: string): Promise<AsyncIterable<WatchEvent>>;
}

/** State in, what happens next and the next state out. Never throws for what the source does. */
export async function step(state: WatchState, source: WatchSource): Promise<Step> {
  switch (state.name) {
    case "empty":
      return nextPage([], undefined, source);
    case "listing":
      return nextPage(state.items, state.continue, source);
    case "listed":
      return open(state.resourceVersion, source);
    case "watching":
      return nextEvent(state.resourceVersion, state.events);
    default:
      return assertNever(state);
  }
}

async function nextPage(items: readonly KubeObject[], next: string | undefined, source: WatchSource): Promise<Step> {
  try {
    const page = await source.page(next);
    const all = items.length === 0 ? page.items : [...items, ...page.items];
    if (page.continue) return { next: { name: "listing", items: all, continue: page.continue } };
    const { resourceVersion } = page;
    return { next: { name: "listed", resourceVersion }, list: { items: all, resourceVersion } };
  } catch (error) {
    return { next: { name: "empty" }, error };
  }
}

async function open(resourceVersion: string, source: WatchSource): Promise<Step> {
  try {
    const events = (await source.watch(resourceVersion))[Symbol.asyncIterator]();
    return { next: { name: "watching", resourceVersion, events } };
  } catch (error) {
    return { next: afterFailure(resourceVersion, error), error };
  }
}

async function nextEvent(resourceVersion: string, events: AsyncIterator<WatchEvent>): Promise<Step> {
  try {
    const result = await events.next();
    if (result.done) return { next: { name: "listed", resourceVersion } };
    const event = result.value;
    const newest = event.object.metadata.resourceVersion ?? resourceVersion;
    return { next: { name: "watching", resourceVersion: newest, events }, event };
  } catch (error) {
    return { next: afterFailure(resourceVersion, error), error };
  }
}

function afterFailure(resourceVersion: string, error: unknown): WatchState {
  return error instanceof ExpiredError ? { name: "empty" } : { name: "listed", resourceVersion };
}

/** How patient a watch is. Tests are less so. */
export interface WatchTiming {
  /** After failures. Default after kube-rs' DefaultBackoff, which follows client-go's reflector: 800 ms to 30 s. */
  readonly failure: BackoffLimits;
  /** While RBAC refuses. At most 10 s: a RoleBinding that an admin adds should be seen to work. */
  readonly forbidden: BackoffLimits;
  /** Until a page of a list has come, or a watch was accepted. */
  readonly answerMs: number;
  /**
   * The server ends a watch after a random time between these, so that those of many clients do not end together. Short
   * of the 5 to 10 min of client-go, because a connection that is dead without a word shows only by not ending in time:
   * bookmarks come about once a minute, but none for a kind in which nothing happened since the API server started
   * (measured: 7 of 13 watches had none in 3 min). A resumed watch costs one request and no list.
   *
   * A peer that vanished is noticed after 25 s by TCP (see http.ts); this is for what stalls in between.
   */
  readonly watchSeconds: { readonly min: number; readonly max: number };
  /** A watch that is silent for that long after its time to end is dead. */
  readonly endGraceMs: number;
}

const defaultTiming: WatchTiming = {
  failure: { minMs: 800, maxMs: 30_000 },
  forbidden: { minMs: 800, maxMs: 10_000 },
  answerMs: 15_000,
  watchSeconds: { min: 60, max: 120 },
  endGraceMs: 10_000,
};

/** A watch that ended sooner is counted as failed, or a server that closes at once would be asked in a tight loop. */
const shortWatchMs = 1_000;

/** Objects a page, as client-go: 500 Deployments are about 4 MB. */
const pageSize = 500;

export interface WatchTarget extends Selectors {
  readonly kind: ResourceKind;
  readonly namespace: string | undefined;
}

/** Told what a watch learns, synchronously and in order. */
export interface WatchListener {
  onList(items: readonly KubeObject[], resourceVersion: string): void;
  onEvent(event: WatchEvent): void;
  /** The last step failed, and the next one comes after `delayMs`. */
  onFailure(error: unknown, delayMs: number): void;
  /** After failures a watch was accepted. */
  onRecovery(): void;
}

export interface WatchDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly random?: () => number;
  readonly timing?: Partial<WatchTiming>;
}

/** Lists and watches one collection until the signal, through whatever the network does. */
export async function runWatch(deps: WatchDeps, target: WatchTarget, listener: WatchListener): Promise<void> {
  const { api, clock, signal, random = Math.random } = deps;
  const { failure, forbidden, answerMs, watchSeconds, endGraceMs } = { ...defaultTiming, ...deps.timing };
  const { kind, namespace, labelSelector, fieldSelector } = target;
  const selectors = { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
  const bounds = { ...selectors, signal, timeoutMs: answerMs };
  const source: WatchSource = {
    page: (next) => api.listPage(kind, namespace, { ...bounds, limit: pageSize, ...(next ? { continue: next } : {}) }),
    watch: (resourceVersion) => {
      const timeoutSeconds = Math.round(watchSeconds.min + random() * (watchSeconds.max - watchSeconds.min));
      const idleMs = timeoutSeconds * 1_000 + endGraceMs;
      return api.watch(kind, namespace, { ...bounds, resourceVersion, timeoutSeconds, idleMs });
    },
  };

  let state: WatchState = { name: "empty" };
  let failures = 0;
  let openedAt = 0;
  while (!signal.aborted) {
    const { name: before } = state;
    const done: Step = await step(state, source);
    if (signal.aborted) return;
    const { name: after } = done.next;
    state = done.next;

    if (done.list) listener.onList(done.list.items, done.list.resourceVersion);
    if (done.event) listener.onEvent(done.event);
    if (before === "listed" && after === "watching") {
      openedAt = clock.monotonic();
      if (failures > 0) listener.onRecovery();
    }
    const endedAtOnce = before === "watching" && after === "listed" && clock.monotonic() - openedAt < shortWatchMs;
    if (done.error === undefined && !endedAtOnce) {
      // Only a watch that works ends a series of failures: a list that works before each watch that fails does not.
      if (before === "watching") failures = 0;
      continue;
    }
    failures += 1;
    const limits = done.error instanceof ForbiddenError ? forbidden : failure;
    const delayMs = Math.max(backoffMs(failures, limits, random), retryAfterOf(done.error) ?? 0);
    if (done.error !== undefined) listener.onFailure(done.error, delayMs);
    try {
      await clock.sleep(delayMs, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
