import type { QueueSummary } from "../../operator/api/queue-configuration.ts";
import { accepted, isPending, isTerminal, type WriteState } from "./write.ts";

/** One write as far as this process must remember it: some 300 bytes, whatever its body. */
export interface Entry {
  readonly id: string;
  readonly aggregate: string;
  /** ms since 1970. */
  readonly acceptedAt: number;
  seq: number;
  stateSeq: number;
  state: WriteState;
}

/** Pending writes of one aggregate by sequence, the oldest first, and the newest that was ever among them. */
interface Pending {
  readonly bySeq: Map<number, Entry>;
  newest: number;
}

/**
 * What the stream holds, as this process has seen it: who is next in each aggregate, and how many there are.
 *
 * Guarantees: writes of one aggregate are in the order of their acceptance; an older message never replaces what a newer
 * one said. It may lag behind the stream: who must not be wrong waits for `caughtUp` first.
 */
export class WriteIndex {
  readonly #entries = new Map<string, Entry>();
  /** Pending writes by aggregate. Never an empty one. */
  readonly #pending = new Map<string, Pending>();
  /** States that came before their write: all but the newest message of a subject are gone. */
  readonly #early = new Map<string, { state: WriteState; seq: number }>();
  readonly #waiters = new Set<{ seq: number; done: () => void }>();
  readonly #listeners = new Set<(aggregate: string) => void>();
  #appliedSeq = 0;
  #queued = 0;
  #inFlight = 0;
  #dead = 0;

  /** Called when an aggregate may have something to do. Returns the unsubscribe function. */
  onChange(listener: (aggregate: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A write was seen; `finished` is its last state if it has one. */
  putWrite(
    id: string,
    seq: number,
    of: { aggregate: string; acceptedAt: number; finished?: WriteState | undefined },
  ): void {
    const known = this.#entries.get(id);
    if (known && known.seq >= seq) return;
    const early = this.#early.get(id);
    this.#early.delete(id);
    const state = of.finished ?? known?.state ?? early?.state ?? accepted;
    const stateSeq = known?.stateSeq ?? early?.seq ?? 0;
    if (known) this.#remove(known);
    this.#add({ id, aggregate: of.aggregate, acceptedAt: of.acceptedAt, seq, stateSeq, state });
  }

  /** A state was seen, or made by this process. */
  putState(id: string, seq: number, state: WriteState): void {
    const known = this.#entries.get(id);
    if (!known) {
      this.#early.set(id, { state, seq });
      return;
    }
    if (known.stateSeq >= seq || isTerminal(known.state)) return;
    this.#remove(known, isPending(state));
    known.stateSeq = seq;
    known.state = state;
    this.#add(known);
  }

  /** Everything up to a sequence was seen. */
  advance(seq: number): void {
    if (seq <= this.#appliedSeq) return;
    this.#appliedSeq = seq;
    for (const waiter of this.#waiters) {
      if (waiter.seq > seq) continue;
      this.#waiters.delete(waiter);
      waiter.done();
    }
  }

  /** Resolves when everything up to a sequence was seen. Rejects with the signal's reason. */
  caughtUp(seq: number, signal: AbortSignal): Promise<void> {
    if (seq <= this.#appliedSeq) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      const waiter = {
        seq,
        done: () => {
          signal.removeEventListener("abort", stop);
          resolve();
        },
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Everything up to this sequence was seen. */
  get appliedSeq(): number {
    return this.#appliedSeq;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** The write whose turn it is. */
  head(aggregate: string): Entry | undefined {
    return this.#pending.get(aggregate)?.bySeq.values().next().value;
  }

  /** Whether something of an aggregate waits or is being sent. */
  holds(aggregate: string): boolean {
    return this.#pending.has(aggregate);
  }

  aggregates(): IterableIterator<string> {
    return this.#pending.keys();
  }

  /** Writes that are not finished: what limits.count counts. */
  get unfinished(): number {
    return this.#queued + this.#dead;
  }

  deadLetters(): Entry[] {
    return [...this.#entries.values()].filter(({ state }) => state.name === "DeadLetter");
  }

  /** Finished before a moment (ms since 1970), the oldest first; `max` at most. */
  finishedBefore(moment: number, max: number): Entry[] {
    const found: Entry[] = [];
    for (const entry of this.#entries.values()) {
      const { state } = entry;
      if ((state.name === "Applied" || state.name === "Dropped") && state.at < moment) found.push(entry);
      if (found.length >= max) break;
    }
    return found;
  }

  /** Forgets a finished write. */
  forget(id: string): void {
    const entry = this.#entries.get(id);
    if (entry && isTerminal(entry.state)) this.#entries.delete(id);
  }

  summary(now: number): QueueSummary {
    let oldest = now;
    for (const { bySeq } of this.#pending.values()) {
      oldest = Math.min(oldest, bySeq.values().next().value?.acceptedAt ?? now);
    }
    return {
      queued: this.#queued,
      aggregates: this.#pending.size,
      inFlight: this.#inFlight,
      deadLetters: this.#dead,
      oldestSeconds: Math.max(0, Math.round((now - oldest) / 1_000)),
    };
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.id, entry);
    const { name } = entry.state;
    if (name === "DeadLetter") this.#dead += 1;
    if (name === "Sending") this.#inFlight += 1;
    if (isPending(entry.state)) {
      this.#queued += 1;
      this.#enqueue(entry);
    }
    for (const listener of this.#listeners) listener(entry.aggregate);
  }

  /** In the order of sequences, which are those of acceptance. Only a dead letter that is retried comes out of turn. */
  #enqueue(entry: Entry): void {
    const pending = this.#pending.get(entry.aggregate);
    if (!pending) {
      this.#pending.set(entry.aggregate, { bySeq: new Map([[entry.seq, entry]]), newest: entry.seq });
      return;
    }
    const { bySeq } = pending;
    const isLate = entry.seq < pending.newest && !bySeq.has(entry.seq);
    bySeq.set(entry.seq, entry);
    pending.newest = Math.max(pending.newest, entry.seq);
    if (!isLate) return;
    const inOrder = [...bySeq].sort(([a], [b]) => a - b);
    bySeq.clear();
    for (const [seq, each] of inOrder) bySeq.set(seq, each);
  }

  /** @param keepsPlace it goes on waiting, with another state. */
  #remove(entry: Entry, keepsPlace = false): void {
    this.#entries.delete(entry.id);
    const { name } = entry.state;
    if (name === "DeadLetter") this.#dead -= 1;
    if (name === "Sending") this.#inFlight -= 1;
    if (!isPending(entry.state)) return;
    this.#queued -= 1;
    if (keepsPlace) return;
    const pending = this.#pending.get(entry.aggregate);
    pending?.bySeq.delete(entry.seq);
    if (pending?.bySeq.size === 0) this.#pending.delete(entry.aggregate);
  }
}
