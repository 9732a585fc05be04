import { afterVerdict, type Verdict } from "./decide.ts";
import { UnreadableError } from "./sealing.ts";
import type { WriteStore } from "./store.ts";
import type { Write, WriteState } from "./write.ts";
import type { WriteIndex } from "./write-index.ts";

/** One dead letter, as a person is told of it. Nothing of its body. */
export interface DeadLetter {
  readonly id: string;
  readonly reason: string;
  readonly status?: number;
  readonly since: string;
  readonly attempts: number;
  /** Undefined where no key opens it. */
  readonly write?: Pick<Write, "component" | "method" | "uri" | "aggregate" | "requestId"> & { author: string };
}

/** All dead letters, the oldest first. `index` has caught up. Errors: as the store's. */
export async function listDeadLetters(store: WriteStore, index: WriteIndex): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const { id, state } of index.deadLetters()) {
    if (state.name !== "DeadLetter") continue;
    const { reason, status, attempts, at } = state;
    const write = await readable(store, id);
    const about = { id, reason, attempts, since: new Date(at).toISOString() };
    letters.push({ ...about, ...(status === undefined ? {} : { status }), ...(write ? { write } : {}) });
  }
  return letters.sort((a, b) => (a.since < b.since ? -1 : 1));
}

/**
 * Does to a dead letter what a person asks. The replaying process learns of it through the stream.
 * Errors: Error with a sentence when it is none (any more); StaleError when it changed meanwhile.
 */
export async function judge(store: WriteStore, id: string, verdict: Verdict, now: number): Promise<WriteState> {
  const place = await store.peek(id);
  const next = place && afterVerdict(place.state, verdict, now);
  if (!place || !next) throw new Error(`${id} is no dead letter: list them first`);
  if (verdict === "retry") await store.mark(id, next, place.stateSeq);
  else await end(store, id, next, place.seq);
  return next;
}

async function end(store: WriteStore, id: string, state: WriteState, seq: number): Promise<void> {
  try {
    const found = await store.read(id);
    if (found) await store.finish(found.write, state, seq);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    await store.dropUnread(id, state, seq);
  }
}

async function readable(store: WriteStore, id: string): Promise<DeadLetter["write"]> {
  try {
    const found = await store.read(id);
    if (!found) return undefined;
    const { component, method, uri, aggregate, requestId, claims } = found.write;
    return { component, method, uri, aggregate, requestId, author: `${claims.sub} (${claims.iss})` };
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}
