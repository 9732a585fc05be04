import { DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Log } from "../../operator/runtime/log.ts";
import { decodeState, decodeWrite, parseSubject } from "./record.ts";
import { type KeyRing, UnreadableError } from "./sealing.ts";
import type { WriteStore } from "./store.ts";
import type { WriteIndex } from "./write-index.ts";

/** How soon a reader that ended is begun again. */
const againMs = 200;
/** How often the reader is held against the stream. */
const lookEveryMs = 1_000;

/** What following needs. */
export interface FollowDeps {
  readonly store: WriteStore;
  readonly index: WriteIndex;
  readonly keys: () => KeyRing;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Reads the stream into the index until the signal: everything that is there, then whatever comes. Headers alone, since
 * bodies are read when they are sent.
 *
 * Guarantees: a reader that falls silent while the stream goes on is replaced within some three seconds, and the next one
 * begins where it was. The client notices by itself only after the silence of two heartbeats, and not always: with one
 * of three servers killed it stayed silent for minutes.
 */
export async function followStream(deps: FollowDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  while (!signal.aborted) {
    try {
      await readOn(deps, signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: String(error) }, "the stream cannot be read, again in a moment");
    }
    await clock.sleep(againMs, signal).catch(() => undefined);
  }
}

async function readOn(deps: FollowDeps, signal: AbortSignal): Promise<void> {
  const { store, index, keys, log } = deps;
  const { lastSeq } = await store.position();
  const from = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: index.appliedSeq + 1 };
  const consumer = await store.js.consumers.get(store.stream, { headers_only: true, ...from });
  const { num_pending } = await consumer.info(true);
  if (num_pending === 0) index.advance(lastSeq);
  const messages = await consumer.consume({ max_messages: 5_000 });
  const done = new AbortController();
  const stop = () => void messages.close().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  // It may have been aborted while the consumer was made, and would not be told again.
  if (signal.aborted) stop();
  const watching = untilStalled(deps, AbortSignal.any([signal, done.signal])).then(stop);
  try {
    for await (const message of messages) {
      take(message, index, keys(), log);
      index.advance(message.info.pending === 0 ? Math.max(message.seq, lastSeq) : message.seq);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    done.abort();
    await watching;
  }
}

/** Resolves when the stream has gone on and the reader has not, or with the signal. */
async function untilStalled({ store, index, clock }: FollowDeps, signal: AbortSignal): Promise<void> {
  let before = index.appliedSeq;
  let wasBehind = false;
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal).catch(() => undefined);
    const lastSeq = await store.position().then(
      (position) => position.lastSeq,
      // Nobody can be asked: that is not the reader's fault.
      () => index.appliedSeq,
    );
    const isBehind = lastSeq > index.appliedSeq;
    if (isBehind && wasBehind && index.appliedSeq === before) return;
    wasBehind = isBehind;
    before = index.appliedSeq;
  }
}

function take(message: JsMsg, index: WriteIndex, ring: KeyRing, log: Log): void {
  const about = parseSubject(message.subject);
  if (!about || !message.headers) return;
  const { id, part } = about;
  const { seq } = message;
  const state = decodeState(message.headers);
  if (part === "state") {
    if (state) index.putState(id, seq, state);
    return;
  }
  try {
    const { aggregate, acceptedAt } = decodeWrite(ring, id, message.headers);
    index.putWrite(id, seq, { aggregate, acceptedAt, finished: state });
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    log.error({ id, reason: error.message }, "a write cannot be opened");
    // In an aggregate of its own, where it holds up nobody; its worker makes it a dead letter.
    index.putWrite(id, seq, {
      aggregate: `unreadable ${id}`,
      acceptedAt: message.info.timestampNanos / 1e6,
      finished: state,
    });
  }
}
