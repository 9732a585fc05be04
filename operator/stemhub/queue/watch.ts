import type { QueueSummary } from "../../api/queue-configuration.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";
import { Turnstile } from "../../runtime/turnstile.ts";
import type { QueueMetrics } from "./metrics.ts";
import { askQueue, type SummaryTarget } from "./summary.ts";

/** Asks each StemHub's write queue what waits there, now and then and when it matters. */
export interface QueueWatch {
  /** Whom to ask from now on. Safe to repeat. Undefined: nobody, and what was heard is forgotten. */
  aim(key: Key, target: SummaryTarget | undefined): void;
  /** Asks at once, beside the rounds. Undefined where nobody is to be asked, or where it does not answer within a second. */
  askNow(key: Key): Promise<QueueSummary | undefined>;
  /** What it said last; undefined where it said nothing yet, or did not answer. */
  lastOf(key: Key): QueueSummary | undefined;
  /** Called when a round heard of something that the status should tell. Returns the unsubscribe function. */
  onNews(listener: (key: Key) => void): () => void;
}

/** What the watch is made of. */
export interface QueueWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends all asking. */
  readonly signal: AbortSignal;
  readonly metrics: QueueMetrics;
  readonly ask?: (target: SummaryTarget, signal: AbortSignal) => Promise<QueueSummary>;
  readonly random?: () => number;
}

/**
 * Between two rounds while nothing waits. Dead letters come while writes are replayed, when a pass asks each second: what
 * a round finds is what a person did to them.
 */
export const calmPeriodMs = 60_000;
/** The same while writes wait. */
export const waitingPeriodMs = 10_000;
/** Questions of rounds at once: a new leader finds a thousand queues, none of which may answer. */
const mostAtOnce = 32;

interface Watched {
  readonly target: SummaryTarget;
  readonly stop: AbortController;
  last: QueueSummary | undefined;
  trouble: boolean;
}

/** A loop a queue, until `signal` or another target. */
export function watchQueues(options: QueueWatchOptions): QueueWatch {
  const { clock, log, signal, metrics, ask = askQueue, random = Math.random } = options;
  const turnstile = new Turnstile(mostAtOnce);
  const watched = new Map<string, Watched>();
  const listeners = new Set<(key: Key) => void>();

  const askOne = async (key: Key, entry: Watched): Promise<void> => {
    const answer = await ask(entry.target, AbortSignal.any([signal, entry.stop.signal])).catch((error: unknown) => {
      if (entry.stop.signal.aborted || signal.aborted) return undefined;
      if (!entry.trouble) log.warn({ key: formatKey(key), reason: String(error) }, "the write queue does not answer");
      return undefined;
    });
    // Another target, or none, meanwhile: nobody wants to know.
    if (entry.stop.signal.aborted || signal.aborted) return;
    if (answer && entry.trouble) log.info({ key: formatKey(key) }, "the write queue answers again");
    entry.trouble = !answer;
    entry.last = answer;
    if (answer) metrics.heard(key, answer);
    else metrics.silent(key);
  };

  const follow = async (key: Key, entry: Watched): Promise<void> => {
    const ended = AbortSignal.any([signal, entry.stop.signal]);
    while (!ended.aborted) {
      const leave = await turnstile.enter();
      const before = entry.last;
      try {
        if (!ended.aborted) await askOne(key, entry);
      } finally {
        leave();
      }
      if (isNews(before, entry.last)) for (const listener of listeners) listener(key);
      const periodMs = entry.last && entry.last.queued > 0 ? waitingPeriodMs : calmPeriodMs;
      await clock.sleep(periodMs * (0.9 + random() / 5), ended).catch(() => undefined);
    }
  };

  return {
    aim: (key, target) => {
      const entry = watched.get(formatKey(key));
      if (entry && JSON.stringify(entry.target) === JSON.stringify(target)) return;
      entry?.stop.abort();
      watched.delete(formatKey(key));
      if (!target) metrics.forget(key);
      if (!target || signal.aborted) return;
      const next: Watched = { target, stop: new AbortController(), last: entry?.last, trouble: false };
      watched.set(formatKey(key), next);
      void follow(key, next);
    },
    askNow: async (key) => {
      const entry = watched.get(formatKey(key));
      if (!entry) return undefined;
      await askOne(key, entry);
      return entry.last;
    },
    lastOf: (key) => watched.get(formatKey(key))?.last,
    onNews: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Worth a pass: its first answer; dead letters came or went; the first write waits, or the last one has gone. */
function isNews(before: QueueSummary | undefined, after: QueueSummary | undefined): boolean {
  if (!after) return false;
  return !before || before.deadLetters !== after.deadLetters || before.queued > 0 !== after.queued > 0;
}
