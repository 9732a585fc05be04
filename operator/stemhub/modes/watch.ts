import type { Clock, Timer } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";
import { Turnstile } from "../../runtime/turnstile.ts";
import { type Answer, type Evidence, evidenceOf, type Question, type Record, recorded } from "./evidence.ts";

/** What asks about one capability. */
export interface Asker {
  /** Asks once, within `timeoutMs`. Undefined: it could not be asked, and nothing is known. Never throws. */
  ask(timeoutMs: number, signal: AbortSignal): Promise<readonly Answer[] | undefined>;
  /** Lets go of what it holds. */
  close(): void;
}

/** One probe: what asks, how often, and when its answers are news. */
export interface ProbeAim {
  /** Of this StemHub's probes, and in metrics. */
  readonly probe: string;
  /** Whom it asks, as text: with another one it is opened anew, and what was learned is kept. */
  readonly about: string;
  readonly periodMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row are news. */
  readonly failures: number;
  readonly open: () => Asker;
}

/** Asks about the capabilities of each StemHub, and says what it has learned. */
export interface ModeWatch {
  /** The probes of a StemHub from now on: others of it end. Safe to repeat. */
  aim(key: Key, aims: readonly ProbeAim[]): void;
  /** Asks nobody any more, and knows nothing. */
  forget(key: Key): void;
  /** Asks now, unless it is being asked: what comes next depends on it. */
  hurry(key: Key, probe: string): void;
  /** Makes news of a StemHub after so long; undefined: not any more. Whatever else of a pass fails, time goes on. */
  reviewAfter(key: Key, ms: number | undefined): void;
  /** What is known of the answer to a question. */
  evidenceOf(key: Key, question: Question): Evidence;
  /** The last answer to it, and how long ago that was. */
  lastOf(key: Key, question: Question): { readonly answer: Answer; readonly agoMs: number } | undefined;
  /** Called when answers may change a mode. Returns the unsubscribe function. */
  onNews(listener: (key: Key) => void): () => void;
}

/** What the watch is made of. */
export interface ModeWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends all asking. */
  readonly signal: AbortSignal;
  readonly random?: () => number;
  /** How busy this process is, 0 to 1. Default: not at all. */
  readonly busyness?: () => number;
  /** Called for each probe: how long it took, and how long it had waited for its turn. */
  readonly measured?: (probe: string, seconds: number, waitedSeconds: number) => void;
}

/**
 * Probes at once, of all StemHubs. With a thousand of them about 500 a second are due, each of a few ms; where targets hang for
 * their two seconds the others still have their turn (bench modes-scale).
 */
export const mostAtOnce = 200;

/** Between two questions to what is in doubt. */
const doubtMs = 1_000;

/**
 * From this share of its time on a busy operator asks less often about what is well, up to four times: what is in doubt, and the
 * passes, come first.
 */
const busyFrom = 0.4;
const mostStretch = 4;

/** What has failed for so long is asked less often again: it may be gone for days. */
const doubtLastsMs = 60_000;
const lostPeriodMs = 5_000;

interface Watched {
  readonly key: Key;
  readonly aim: ProbeAim;
  readonly stop: AbortController;
  readonly records: Map<Question, Record>;
  /** Ends the pause that it makes; without effect while it asks. */
  wake: () => void;
}

/** Each probe in a loop of its own, until `signal`. */
export function watchModes(options: ModeWatchOptions): ModeWatch {
  const { clock, log, signal, random = Math.random, measured = () => undefined, busyness = () => 0 } = options;
  const turnstile = new Turnstile(mostAtOnce);
  const watched = new Map<string, Map<string, Watched>>();
  const reviews = new Map<string, Timer>();
  const listeners = new Set<(key: Key) => void>();
  const tell = (key: Key): void => {
    for (const listener of listeners) listener(key);
  };
  const endReview = (key: Key): void => {
    reviews.get(formatKey(key))?.clear();
    reviews.delete(formatKey(key));
  };
  const endReviews = () => {
    for (const review of reviews.values()) review.clear();
  };
  signal.addEventListener("abort", endReviews, { once: true });

  /** Spread by a tenth either way, so that a thousand are not asked at once. */
  const jittered = (ms: number) => ms * (0.9 + random() / 5);

  const pauseMs = ({ aim, records }: Watched): number => {
    const failing = [...records.values()].filter(({ failures }) => failures > 0);
    if (failing.length === 0) return aim.periodMs * Math.min(mostStretch, Math.max(1, busyness() / busyFrom) ** 2);
    const longMs = Math.max(...failing.map(({ sinceMs }) => clock.monotonic() - sinceMs));
    return Math.min(aim.periodMs, longMs > doubtLastsMs ? lostPeriodMs : doubtMs);
  };

  const take = (entry: Watched, answers: readonly Answer[]): void => {
    let news = false;
    for (const answer of answers) {
      const before = entry.records.get(answer.question);
      const after = recorded(before, answer, clock.monotonic());
      entry.records.set(answer.question, after);
      const { failures } = entry.aim;
      // It is known at all, goes well again, or has failed often enough.
      news ||= !before || (before.failures > 0 && after.failures === 0) || after.failures === failures;
      if (after.failures === 1) {
        log.debug({ key: formatKey(entry.key), question: answer.question, reason: answer.trouble }, "a probe failed");
      }
    }
    if (news) tell(entry.key);
  };

  /** Until it is time to ask again, somebody hurries, or all ends. */
  const rest = (entry: Watched, ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.setTimer(ms, resolve);
      entry.wake = () => {
        timer.clear();
        resolve();
      };
    });

  const run = async (entry: Watched, ended: AbortSignal): Promise<void> => {
    const asker = entry.aim.open();
    const onEnd = () => entry.wake();
    ended.addEventListener("abort", onEnd, { once: true });
    try {
      await rest(entry, Math.min(entry.aim.periodMs, doubtMs) * random());
      while (!ended.aborted) {
        const due = clock.monotonic();
        const leave = await turnstile.enter();
        try {
          const began = clock.monotonic();
          const answers = ended.aborted ? undefined : await asker.ask(entry.aim.timeoutMs, ended);
          if (ended.aborted) return;
          measured(entry.aim.probe, (clock.monotonic() - began) / 1_000, (began - due) / 1_000);
          if (answers) take(entry, answers);
        } finally {
          leave();
        }
        await rest(entry, jittered(pauseMs(entry)));
      }
    } finally {
      ended.removeEventListener("abort", onEnd);
      asker.close();
    }
  };

  const start = (key: Key, aim: ProbeAim, former: Watched | undefined): Watched => {
    const records = former?.records ?? new Map<Question, Record>();
    const entry: Watched = { key, aim, stop: new AbortController(), records, wake: () => undefined };
    const ended = AbortSignal.any([signal, entry.stop.signal]);
    run(entry, ended).catch((error: unknown) => {
      // It throws only by a bug; a capability that nobody asks about would be called well for ever. So the process ends.
      if (!ended.aborted) throw error;
    });
    return entry;
  };

  const recordOf = (key: Key, question: Question): Record | undefined => {
    for (const { records } of watched.get(formatKey(key))?.values() ?? []) {
      const record = records.get(question);
      if (record) return record;
    }
    return undefined;
  };

  return {
    aim: (key, aims) => {
      if (signal.aborted) return;
      const entries = watched.get(formatKey(key)) ?? new Map<string, Watched>();
      watched.set(formatKey(key), entries);
      for (const [probe, entry] of entries) {
        if (aims.some((aim) => sameAim(aim, entry.aim))) continue;
        entry.stop.abort();
        if (!aims.some((aim) => aim.probe === probe)) entries.delete(probe);
      }
      for (const aim of aims) {
        const former = entries.get(aim.probe);
        if (!former || former.stop.signal.aborted) entries.set(aim.probe, start(key, aim, former));
      }
    },
    forget: (key) => {
      endReview(key);
      for (const { stop } of watched.get(formatKey(key))?.values() ?? []) stop.abort();
      watched.delete(formatKey(key));
    },
    hurry: (key, probe) => watched.get(formatKey(key))?.get(probe)?.wake(),
    reviewAfter: (key, ms) => {
      endReview(key);
      if (ms === undefined || signal.aborted) return;
      const review = () => {
        reviews.delete(formatKey(key));
        tell(key);
      };
      reviews.set(formatKey(key), clock.setTimer(ms, review));
    },
    evidenceOf: (key, question) => evidenceOf(recordOf(key, question), clock.monotonic()),
    lastOf: (key, question) => {
      const record = recordOf(key, question);
      return record && { answer: record.last, agoMs: clock.monotonic() - record.lastMs };
    },
    onNews: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function sameAim(a: ProbeAim, b: ProbeAim): boolean {
  const facts = ({ about, periodMs, timeoutMs, failures }: ProbeAim) =>
    [about, periodMs, timeoutMs, failures].join("\n");
  return facts(a) === facts(b);
}
