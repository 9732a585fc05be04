import type { Clock, Timer } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log.ts";
import { formatKey, type Key } from "../../../runtime/objects.ts";
import { reaches } from "../../../runtime/reach.ts";
import { DatabaseProbe, type ProbeTarget } from "./database-probe.ts";
import { type Findings, type NewsBounds, newsOf } from "./findings.ts";
import { openSession } from "./session.ts";
import { AnsweredWrites, standstillMs, type WriteSigns } from "./silence.ts";

/** Asks the database of each StemHub, and says what it has learned. */
export interface DatabaseWatch {
  /** Whom to ask from now on for a StemHub, and what is news of it. Safe to repeat. */
  aim(key: Key, target: ProbeTarget, bounds: NewsBounds): void;
  /** Asks nobody while there is no primary, and remembers when a write was answered last. Safe to repeat. */
  rest(key: Key): void;
  /** Asks nobody any more, and knows nothing. */
  forget(key: Key): void;
  /** Undefined where nobody is asked. */
  findingsOf(key: Key): Findings | undefined;
  /** How writes go, also while there is no primary; undefined where nobody was ever asked. */
  writesOf(key: Key): WriteSigns | undefined;
  /** Called when there is news of a StemHub's database. Returns the unsubscribe function. */
  onNews(listener: (key: Key) => void): () => void;
}

/** What the watch is made of. */
export interface DatabaseWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends all asking. */
  readonly signal: AbortSignal;
  readonly random?: () => number;
  /** For tests: how members are reached. */
  readonly network?: { readonly open: typeof openSession; readonly reaches: typeof reaches };
}

/** Between two rounds; spread by a tenth either way, so that a thousand databases are not asked at once. */
const roundMs = 1_000;

interface Watched {
  readonly probe: DatabaseProbe;
  readonly stop: AbortController;
  bounds: NewsBounds;
  target: string;
  news: string;
}

/** One probe a database, each in a loop of its own, until `signal`. */
export function watchDatabases(options: DatabaseWatchOptions): DatabaseWatch {
  const { clock, log, signal, random = Math.random, network = { open: openSession, reaches } } = options;
  const watched = new Map<string, Watched>();
  const answers = new Map<string, AnsweredWrites>();
  const answersOf = (key: Key): AnsweredWrites => {
    const known = answers.get(formatKey(key)) ?? new AnsweredWrites(clock);
    answers.set(formatKey(key), known);
    return known;
  };
  const listeners = new Set<(key: Key) => void>();

  const start = (key: Key, target: ProbeTarget, bounds: NewsBounds): void => {
    const stop = new AbortController();
    const writes = answersOf(key);
    const changed = () => {
      const news = newsOf(probe.findings(), entry.bounds, writes.silentMs);
      if (news === entry.news || stop.signal.aborted) return;
      entry.news = news;
      for (const listener of listeners) listener(key);
    };
    const countStandstill = (due: number) => {
      const lateMs = clock.monotonic() - due;
      if (lateMs > standstillMs) writes.stoodStill(lateMs);
    };
    // A silence is told when it is as long as somebody acts upon, and not with the next round.
    let silence: Timer | undefined;
    const tellSilence = () => {
      silence?.clear();
      const next = entry.bounds.silenceMs.find((ms) => ms > writes.silentMs);
      if (next === undefined || stop.signal.aborted) return;
      const due = clock.monotonic() + next - writes.silentMs;
      silence = clock.setTimer(next - writes.silentMs, () => {
        countStandstill(due);
        changed();
        tellSilence();
      });
    };
    const answered = () => {
      writes.answered();
      tellSilence();
    };
    const probe = new DatabaseProbe(target, { clock, log, ...network, answered, changed });
    const entry: Watched = { probe, stop, bounds, target: JSON.stringify(target), news: "" };
    entry.news = newsOf(probe.findings(), bounds, writes.silentMs);
    tellSilence();
    watched.set(formatKey(key), entry);
    const ended = AbortSignal.any([signal, stop.signal]);
    const close = () => {
      silence?.clear();
      probe.close();
    };
    ended.addEventListener("abort", close, { once: true });
    const loop = async () => {
      while (!ended.aborted) {
        await probe.look();
        const pauseMs = roundMs * (0.9 + random() / 5);
        const due = clock.monotonic() + pauseMs;
        await clock.sleep(pauseMs, ended);
        countStandstill(due);
      }
    };
    loop().catch((error: unknown) => {
      // A round throws only by a bug; a database that nobody asks would be called well for ever. So the process ends.
      if (!ended.aborted) throw error;
    });
  };

  const end = (key: Key): void => {
    watched.get(formatKey(key))?.stop.abort();
    watched.delete(formatKey(key));
  };

  return {
    aim: (key, target, bounds) => {
      const entry = watched.get(formatKey(key));
      if (!entry) {
        if (!signal.aborted) start(key, target, bounds);
        return;
      }
      entry.bounds = bounds;
      const text = JSON.stringify(target);
      if (text === entry.target) return;
      entry.target = text;
      entry.probe.aim(target);
      entry.news = newsOf(entry.probe.findings(), bounds, answersOf(key).silentMs);
    },
    rest: (key) => {
      end(key);
      if (!signal.aborted) answersOf(key);
    },
    forget: (key) => {
      end(key);
      answers.delete(formatKey(key));
    },
    writesOf: (key) => {
      const known = answers.get(formatKey(key));
      if (!known) return undefined;
      const { silentMs, answeringForMs } = known;
      const { writes: found, trouble } = watched.get(formatKey(key))?.probe.findings() ?? {};
      const begun = found?.state === "unknown" && found.why === undefined;
      return { silentMs, answeringForMs, answered: found?.state === "answered", begun, trouble };
    },
    findingsOf: (key) => watched.get(formatKey(key))?.probe.findings(),
    onNews: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
