import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
  jetstreamManager,
  StorageType,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Log } from "../../operator/runtime/log.ts";

/** Times of the lock, ms. A holder stops well before another may begin: `holdMs` plus a request < `takeMs`. */
export interface LockTiming {
  /** The holder renews so often, and others look so often. */
  readonly renewMs: number;
  /** The holder stops that long after it began its last successful renewal. */
  readonly holdMs: number;
  /** Others take a lock that they have seen unchanged for so long. */
  readonly takeMs: number;
}

/** As the operator's Lease, faster: it is held by NATS, which answers in milliseconds. */
export const lockTiming: LockTiming = { renewMs: 2_000, holdMs: 6_000, takeMs: 9_000 };

/** How long NATS may take to answer about the lock. */
const answerMs = 1_500;
const subject = "lock";

/** What a lock needs. */
export interface LockOptions {
  readonly connection: NatsConnection;
  /** Name of the stream that holds it: one message. */
  readonly stream: string;
  readonly replicas: 1 | 3;
  /** This process, and no other that ever was. */
  readonly holder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing?: LockTiming;
}

/**
 * Lets `lead` run in one process at a time, until the signal. A lock in JetStream and not a Lease: replaying goes on while
 * the API server is away (decision 0018).
 *
 * Guarantees: `lead`'s signal is aborted `holdMs` after the last renewal at the latest, and `takeMs` must pass before another
 * holder begins, by each side's own monotonic clock. A renewal names the sequence that it follows, so nobody renews a
 * lock that was taken. What a frozen process might still do is refused by the store: its marks are out of date.
 */
export async function runLocked(
  options: LockOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, timing = lockTiming } = options;
  const lock = new Lock(options);
  let seen: { seq: number; since: number } | undefined;
  while (!signal.aborted) {
    try {
      const found = await lock.look();
      const now = clock.monotonic();
      if (seen?.seq !== found.seq) seen = { seq: found.seq, since: now };
      const isFree = found.holder === undefined || now - seen.since >= timing.takeMs;
      const seq = isFree ? await lock.put(options.holder, found.seq) : undefined;
      if (seq !== undefined) {
        log.info({ holder: options.holder }, "this process replays writes now");
        await hold(lock, { ...options, timing }, { seq, since: now }, lead, signal);
        seen = undefined;
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: String(error) }, "the lock cannot be read");
    }
    await clock.sleep(timing.renewMs / 2, signal).catch(() => undefined);
  }
}

async function hold(
  lock: Lock,
  { clock, log, holder, timing }: LockOptions & { timing: LockTiming },
  from: { seq: number; since: number },
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const both = AbortSignal.any([signal, lost.signal]);
  const work = lead(both);
  let { seq, since } = from;
  let deadline = clock.setTimer(timing.holdMs, () => lost.abort(new Error("the lock was not renewed in time")));
  // Whatever ends the work ends the holding.
  work.then(
    () => lost.abort(),
    (error) => lost.abort(error),
  );
  while (!both.aborted) {
    await clock.sleep(timing.renewMs, both).catch(() => undefined);
    if (both.aborted) break;
    const began = clock.monotonic();
    try {
      const renewed = await lock.put(holder, seq);
      if (renewed === undefined) lost.abort(new Error("the lock was taken"));
      else {
        seq = renewed;
        since = began;
        deadline.clear();
        const left = Math.max(0, since + timing.holdMs - clock.monotonic());
        deadline = clock.setTimer(left, () => lost.abort(new Error("the lock was not renewed in time")));
      }
    } catch (error) {
      log.warn({ reason: String(error) }, "the lock was not renewed");
    }
  }
  deadline.clear();
  await work.catch((error: unknown) => {
    if (!both.aborted) throw error;
  });
  // Given back, so that the next one need not wait. Where that fails, it waits.
  await lock.put("", seq).catch(() => undefined);
}

class Lock {
  readonly #options: LockOptions;

  constructor(options: LockOptions) {
    this.#options = options;
  }

  /** Who holds it; nobody where it was given back or never taken. */
  async look(): Promise<{ readonly holder: string | undefined; readonly seq: number }> {
    const { connection, stream, replicas } = this.#options;
    const jsm = await jetstreamManager(connection, { timeout: answerMs, checkAPI: false });
    try {
      const message = await jsm.streams.getMessage(stream, { last_by_subj: subject });
      return message ? { holder: message.string() || undefined, seq: message.seq } : { holder: undefined, seq: 0 };
    } catch (error) {
      if (!(error instanceof JetStreamApiError)) throw error;
      if (error.code === JetStreamApiCodes.NoMessageFound) return { holder: undefined, seq: 0 };
      if (error.code !== JetStreamApiCodes.StreamNotFound) throw error;
    }
    await jsm.streams.add({
      name: stream,
      subjects: [subject],
      num_replicas: replicas,
      storage: StorageType.File,
      max_msgs: 1,
      discard: DiscardPolicy.Old,
    });
    return { holder: undefined, seq: 0 };
  }

  /** Writes it after a sequence; undefined when somebody else was first. */
  async put(holder: string, after: number): Promise<number | undefined> {
    const { connection, stream } = this.#options;
    try {
      const expect = { streamName: stream, lastSubjectSequence: after };
      return (await jetstream(connection, { timeout: answerMs }).publish(subject, holder, { expect })).seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence)
        return undefined;
      throw error;
    }
  }
}
