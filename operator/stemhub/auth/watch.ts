import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";
import { Turnstile } from "../../runtime/turnstile.ts";
import type { AuthDocument, AuthDocuments, Fetched } from "./documents.ts";
import { fetchDocument } from "./fetch.ts";
import { readKeySet } from "./key-set.ts";
import type { AuthMetrics } from "./metrics.ts";
import { AnswerRefused } from "./refused.ts";
import { readRevocations } from "./revocation-list.ts";
import type { AuthTarget, Source } from "./targets.ts";
import type { FetchState } from "./trouble.ts";

/** Fetches each StemHub's keys and revocations, and keeps the last good ones. */
export interface AuthWatch {
  /** What to fetch from now on for a StemHub. Safe to repeat. Undefined: nothing, and what was fetched is forgotten. */
  aim(key: Key, target: AuthTarget | undefined): void;
  /** The last good documents. A failed or bad answer changes nothing here. */
  keysOf(key: Key): AuthDocuments;
  /** How fetching goes: Failing once it has failed for tellAfterMs. */
  statesOf(key: Key): Readonly<Partial<Record<AuthDocument, FetchState>>>;
  /** Called when there is something to write anew, or to tell. Returns the unsubscribe function. */
  onNews(listener: (key: Key) => void): () => void;
}

/** What the watch is made of. */
export interface AuthWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends all fetching. */
  readonly signal: AbortSignal;
  readonly metrics: AuthMetrics;
  /** The key ca.crt of a ConfigMap. Errors: any, which count as an answer that is missing. */
  readonly readAuthority: (namespace: string, configMap: string) => Promise<string>;
  readonly random?: () => number;
}

/** Between two fetches of keys; spread by a tenth either way. A key that is new at its source is known within it. */
const keysPeriodMs = 60_000;
/** The same of revocations, which should hold soon. */
const revocationsPeriodMs = 30_000;
/** After a failure: soon again, and then as often as ever. */
const retryLimits = { minMs: 2_000, maxMs: 30_000 };
/**
 * How old the published moment of keys may become while they stay. Each publication is a write to the API server, and the
 * shortest maxKeyAgeHours is an hour.
 */
const restampMs = 10 * 60_000;

/** A source that is away for as long as a rollout takes is nobody's trouble: what was fetched before counts. */
export const tellAfterMs = 3 * 60_000;

/** So many fetches at once: a new leader finds a thousand StemHubs, whose sources may all hang for fetchDeadlineMs. */
const mostAtOnce = 32;

interface Watched {
  readonly stop: AbortController;
  readonly target: string;
  documents: AuthDocuments;
  states: Partial<Record<AuthDocument, FetchState>>;
}

/** A loop a document, until `signal` or another target. */
export function watchAuth(options: AuthWatchOptions): AuthWatch {
  const { clock, log, signal, metrics, readAuthority, random = Math.random } = options;
  const turnstile = new Turnstile(mostAtOnce);
  const watched = new Map<string, Watched>();
  const listeners = new Set<(key: Key) => void>();

  const start = (key: Key, target: AuthTarget): void => {
    const stop = new AbortController();
    const entry: Watched = { stop, target: JSON.stringify(target), documents: {}, states: {} };
    watched.set(formatKey(key), entry);
    const ended = AbortSignal.any([signal, stop.signal]);

    const follow = async <T>(what: AuthDocument, source: Source, periodMs: number, read: (text: string) => T) => {
      // The age of revocations bounds nothing; that of keys does.
      const restamped = what === "keys";
      let failures = 0;
      let trouble: string | undefined;
      let failingSince = { ms: 0, monotonic: 0 };
      /** Whether a trouble that is told begins or ends by it. */
      const becomes = (state: NonNullable<FetchState>): boolean => {
        const former = entry.states[what];
        if (former?.name !== state.name) entry.states = { ...entry.states, [what]: state };
        return (former?.name === "Failing") !== (state.name === "Failing");
      };
      const notify = () => {
        for (const listener of listeners) listener(key);
      };
      while (!ended.aborted) {
        const leave = await turnstile.enter();
        try {
          const ca =
            source.caConfigMap === undefined ? {} : { ca: await readAuthority(target.namespace, source.caConfigMap) };
          const content = read(await fetchDocument(source.url, { clock, signal: ended, ...ca }));
          if (trouble !== undefined) log.info({ key: formatKey(key), what, reason: "Good" }, "fetched for auth again");
          failures = 0;
          trouble = undefined;
          const former = entry.documents[what] as Fetched<T> | undefined;
          const fetched = { source: source.url, atMs: clock.now(), content };
          metrics.fetched(key, what, fetched.atMs);
          const isOver = becomes({ name: "Good" });
          const isNew = isNews(former, fetched, restamped);
          if (isNew) entry.documents = { ...entry.documents, [what]: fetched };
          if (isNew || isOver) notify();
        } catch (error) {
          if (ended.aborted) return;
          if (failures === 0) failingSince = { ms: clock.now(), monotonic: clock.monotonic() };
          failures += 1;
          metrics.failed(key, what, failures);
          const isLong = clock.monotonic() - failingSince.monotonic >= tellAfterMs;
          if (isLong && becomes({ name: "Failing", sinceMs: failingSince.ms, message: sentence(error) })) notify();
          const reason = error instanceof AnswerRefused ? error.reason : "Failed";
          if (reason !== trouble)
            log.warn({ key: formatKey(key), what, reason, error: String(error) }, "not fetched for auth");
          trouble = reason;
        } finally {
          leave();
        }
        const wait = failures === 0 ? periodMs * (0.9 + random() / 5) : backoffMs(failures, retryLimits, random);
        await clock.sleep(wait, ended);
      }
    };
    const run = (loop: Promise<void>) =>
      loop.catch((error: unknown) => {
        // It throws only by a bug; keys that nobody fetches would grow old unseen. So the process ends.
        if (!ended.aborted) throw error;
      });
    if (target.keys) run(follow("keys", target.keys, keysPeriodMs, readKeySet));
    if (target.revocations) run(follow("revocations", target.revocations, revocationsPeriodMs, readRevocations));
  };

  return {
    aim: (key, target) => {
      const entry = watched.get(formatKey(key));
      if (entry && entry.target === JSON.stringify(target)) return;
      entry?.stop.abort();
      metrics.forget(key);
      watched.delete(formatKey(key));
      if (target && !signal.aborted) start(key, target);
    },
    keysOf: (key) => watched.get(formatKey(key))?.documents ?? {},
    statesOf: (key) => watched.get(formatKey(key))?.states ?? {},
    onNews: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What went wrong, short: the API server's errors of an authority that is missing can be long. */
function sentence(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

/** Other content, or the same whose published moment grows old, where that counts. */
function isNews<T>(former: Fetched<T> | undefined, fetched: Fetched<T>, restamped: boolean): boolean {
  if (!former) return true;
  if (restamped && (fetched.atMs - former.atMs >= restampMs || fetched.atMs < former.atMs)) return true;
  return JSON.stringify(former.content) !== JSON.stringify(fetched.content);
}
