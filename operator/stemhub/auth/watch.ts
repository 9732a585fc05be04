import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";
import { Turnstile } from "../../runtime/turnstile.ts";
import type { AuthDocuments, Fetched } from "./documents.ts";
import { fetchDocument } from "./fetch.ts";
import { readKeySet } from "./key-set.ts";
import { AnswerRefused } from "./refused.ts";
import { readRevocations } from "./revocation-list.ts";
import type { AuthTarget, Source } from "./targets.ts";

/** Fetches each StemHub's keys and revocations, and keeps the last good ones. */
export interface AuthWatch {
  /** What to fetch from now on for a StemHub. Safe to repeat. Undefined: nothing, and what was fetched is forgotten. */
  aim(key: Key, target: AuthTarget | undefined): void;
  /** The last good documents. A failed or bad answer changes nothing here. */
  keysOf(key: Key): AuthDocuments;
  /** Called when there is something to write anew. Returns the unsubscribe function. */
  onNews(listener: (key: Key) => void): () => void;
}

/** What the watch is made of. */
export interface AuthWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends all fetching. */
  readonly signal: AbortSignal;
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

/** So many fetches at once: a new leader finds a thousand StemHubs, whose sources may all hang for fetchDeadlineMs. */
const mostAtOnce = 32;

interface Watched {
  readonly stop: AbortController;
  readonly target: string;
  documents: AuthDocuments;
}

/** A loop a document, until `signal` or another target. */
export function watchAuth(options: AuthWatchOptions): AuthWatch {
  const { clock, log, signal, readAuthority, random = Math.random } = options;
  const turnstile = new Turnstile(mostAtOnce);
  const watched = new Map<string, Watched>();
  const listeners = new Set<(key: Key) => void>();

  const start = (key: Key, target: AuthTarget): void => {
    const stop = new AbortController();
    const entry: Watched = { stop, target: JSON.stringify(target), documents: {} };
    watched.set(formatKey(key), entry);
    const ended = AbortSignal.any([signal, stop.signal]);

    const follow = async <T>(
      what: keyof AuthDocuments,
      source: Source,
      periodMs: number,
      read: (text: string) => T,
    ) => {
      // The age of revocations bounds nothing; that of keys does.
      const restamped = what === "keys";
      let failures = 0;
      let trouble: string | undefined;
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
          if (isNews(former, fetched, restamped)) {
            entry.documents = { ...entry.documents, [what]: fetched };
            for (const listener of listeners) listener(key);
          }
        } catch (error) {
          if (ended.aborted) return;
          failures += 1;
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
      watched.delete(formatKey(key));
      if (target && !signal.aborted) start(key, target);
    },
    keysOf: (key) => watched.get(formatKey(key))?.documents ?? {},
    onNews: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Other content, or the same whose published moment grows old, where that counts. */
function isNews<T>(former: Fetched<T> | undefined, fetched: Fetched<T>, restamped: boolean): boolean {
  if (!former) return true;
  if (restamped && (fetched.atMs - former.atMs >= restampMs || fetched.atMs < former.atMs)) return true;
  return JSON.stringify(former.content) !== JSON.stringify(fetched.content);
}
