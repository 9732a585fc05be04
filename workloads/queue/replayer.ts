import { backoffMs } from "../../operator/runtime/backoff.ts";
import type { Clock, Timer } from "../../operator/runtime/clock.ts";
import { assertNever } from "../../operator/runtime/errors.ts";
import type { Log } from "../../operator/runtime/log.ts";
import { type Answer, nextStep, settle } from "./decide.ts";
import type { ModeView } from "./mode.ts";
import { UnreadableError } from "./sealing.ts";
import { StaleError, type Stored, type WriteStore } from "./store.ts";
import { isTerminal, type WriteState } from "./write.ts";
import type { Entry, WriteIndex } from "./write-index.ts";

/**
 * Writes that are sent at once. The app has just come back, and its users with it: enough to be done with thousands within
 * a minute, and no more than a few browsers would ask at once.
 */
export const defaultConcurrency = 16;

/** While the store is away, so often it is asked again. */
const storeRetry = { minMs: 200, maxMs: 5_000 };
/** So often writes are looked for that became too old while the mode lets none be sent. */
const sweepMs = 60_000;
/** So long to see what somebody else has changed. */
const catchUpMs = 5_000;

/** What replaying needs. */
export interface ReplayDeps {
  readonly store: WriteStore;
  readonly index: WriteIndex;
  readonly mode: ModeView;
  /** Sends one write. Never throws. */
  readonly deliver: (stored: Stored, body: Buffer, signal: AbortSignal) => Promise<Answer>;
  readonly clock: Clock;
  readonly log: Log;
  /** This replayer, and no other that ever was: what another one was sending is judged, what is ours is waited for. */
  readonly worker: string;
  readonly ageMs: number;
  readonly concurrency?: number;
}

/**
 * Sends what waits, until the signal: the oldest write of each aggregate, one aggregate never twice at once, some of them
 * beside each other. Only the holder of the lock runs one.
 *
 * Guarantees: an attempt is recorded before its first byte leaves, and its outcome before the next write of the aggregate
 * is looked at. While the store is away nothing is begun, and an outcome is kept until it could be recorded; a process that
 * ends before leaves a mark by which the next one judges (decide.ts).
 */
export class Replayer {
  readonly #deps: ReplayDeps;
  readonly #ready = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #timers = new Map<string, Timer>();
  #signal: AbortSignal = AbortSignal.abort();
  #finished: (() => void) | undefined;

  constructor(deps: ReplayDeps) {
    this.#deps = deps;
  }

  /** Resolves after the signal, when nothing is under way any more. */
  async run(signal: AbortSignal): Promise<void> {
    const { index, mode, clock, store } = this.#deps;
    const { lastSeq } = await store.position();
    await index.caughtUp(lastSeq, signal);
    this.#signal = signal;
    const unsubscribe = [index.onChange((aggregate) => this.#wake(aggregate)), mode.onChange(() => this.#wakeAll())];
    this.#wakeAll();
    let sweep: Timer | undefined;
    const sweepAgain = () => {
      this.#wakeAll();
      sweep = clock.setTimer(sweepMs, sweepAgain);
    };
    sweep = clock.setTimer(sweepMs, sweepAgain);
    await new Promise<void>((resolve) => {
      this.#finished = () => {
        if (signal.aborted && this.#busy.size === 0) resolve();
      };
      signal.addEventListener("abort", this.#finished, { once: true });
      this.#finished();
    });
    sweep.clear();
    for (const timer of this.#timers.values()) timer.clear();
    for (const end of unsubscribe) end();
  }

  #wakeAll(): void {
    for (const aggregate of this.#deps.index.aggregates()) this.#wake(aggregate);
  }

  #wake(aggregate: string): void {
    if (this.#timers.has(aggregate) || !this.#deps.index.holds(aggregate)) return;
    this.#ready.add(aggregate);
    queueMicrotask(() => this.#pump());
  }

  #pump(): void {
    const { concurrency = defaultConcurrency, index } = this.#deps;
    for (const aggregate of this.#ready) {
      if (this.#signal.aborted || this.#busy.size >= concurrency) return;
      if (this.#busy.has(aggregate)) continue;
      this.#ready.delete(aggregate);
      const head = index.head(aggregate);
      if (!head || !this.#mayMove(head)) continue;
      this.#busy.add(aggregate);
      void this.#work(aggregate, head);
    }
  }

  /** Cheap, and without its text: what the mode holds back is not read each time that something is looked at. */
  #mayMove({ state, acceptedAt }: Entry): boolean {
    const { mode, clock, ageMs } = this.#deps;
    const { database } = mode.current;
    return (
      state.name === "Sending" || database === "Normal" || database === "Draining" || clock.now() - acceptedAt > ageMs
    );
  }

  async #work(aggregate: string, head: Entry): Promise<void> {
    const { log } = this.#deps;
    let waitMs = 0;
    try {
      waitMs = await this.#move(head);
    } catch (error) {
      // The store is away, or someone else was quicker: look again, with what is known by then.
      if (!this.#signal.aborted) log.warn({ id: head.id, reason: String(error) }, "a write could not be moved");
      waitMs = backoffMs(1, storeRetry);
    }
    this.#busy.delete(aggregate);
    this.#finished?.();
    if (this.#signal.aborted) return;
    if (waitMs > 0) this.#wakeAfter(aggregate, waitMs);
    else this.#wake(aggregate);
    this.#pump();
  }

  #wakeAfter(aggregate: string, ms: number): void {
    const timer = this.#deps.clock.setTimer(ms, () => {
      this.#timers.delete(aggregate);
      this.#wake(aggregate);
    });
    this.#timers.set(aggregate, timer);
  }

  /** Takes one step with a write; returns how long its aggregate has nothing to do. */
  async #move(head: Entry): Promise<number> {
    const { mode, clock, worker, ageMs, log } = this.#deps;
    const found = await this.#read(head);
    if (!found) return 0;
    const now = clock.now();
    const { database, revocations } = mode.current;
    const at = { now, mode: database, revocations, worker, ageMs };
    const step = nextStep(found.write, found.state, at);
    switch (step.step) {
      case "none":
        // The index lags: what it does not know yet wakes the aggregate when it comes.
        await this.#catchUp();
        return storeRetry.minMs;
      case "wait":
        return step.reason === "Backoff" ? Math.max(1, step.dueInMs) : 0;
      case "become":
        log.warn({ id: head.id, state: step.state.name, reason: reasonOf(step.state) }, "a write is not sent");
        await this.#record(found, step.state, found.stateSeq);
        return 0;
      case "send":
        return await this.#send(found, step.mark);
      default:
        return assertNever(step);
    }
  }

  async #send(found: Stored, mark: WriteState): Promise<number> {
    const { store, index, clock, log, deliver } = this.#deps;
    const { write } = found;
    if (mark.name !== "Sending") throw new Error(`a write is marked ${mark.name} before it is sent`);
    const body = found.body();
    if (!body) throw new StaleError(write.id);
    const stateSeq = await store.mark(write.id, mark, found.stateSeq);
    index.putState(write.id, stateSeq, mark);
    // The lock may have been lost while the mark was made: then nothing has left, and the next one may know that.
    const answer: Answer = this.#signal.aborted ? { kind: "notSent" } : await deliver(found, body, this.#signal);
    const state = settle(write, mark, answer, { now: clock.now() });
    const { requestId, component } = write;
    log.info(
      { id: write.id, requestId, component, answer: answer.kind, state: state.name, reason: reasonOf(state) },
      "a write was sent",
    );
    await this.#recordSurely(found, state, stateSeq);
    return state.name === "Queued" ? Math.max(1, state.notBefore - clock.now()) : 0;
  }

  /** An outcome must not be forgotten while the process lives: it is offered until it is taken, or somebody else was first. */
  async #recordSurely(found: Stored, state: WriteState, stateSeq: number): Promise<void> {
    const { clock, log } = this.#deps;
    for (let failures = 1; ; failures++) {
      try {
        return await this.#record(found, state, stateSeq);
      } catch (error) {
        if (error instanceof StaleError) return await this.#catchUp();
        log.warn({ id: found.write.id, reason: String(error) }, "an outcome could not be recorded");
        if (this.#signal.aborted) return;
        await clock.sleep(backoffMs(failures, storeRetry), this.#signal).catch(() => undefined);
      }
    }
  }

  async #record({ write, seq }: Stored, state: WriteState, stateSeq: number): Promise<void> {
    const { store, index } = this.#deps;
    if (!isTerminal(state)) {
      index.putState(write.id, await store.mark(write.id, state, stateSeq), state);
      return;
    }
    const { id, aggregate, acceptedAt } = write;
    index.putWrite(id, await store.finish(write, state, seq), { aggregate, acceptedAt, finished: state });
  }

  /** The write as it is stored. One that no key opens becomes a dead letter here, since nothing can be read of it. */
  async #read({ id, stateSeq, state }: Entry): Promise<Stored | undefined> {
    const { store, index, clock, log } = this.#deps;
    try {
      const found = await store.read(id);
      // Checked before it is sent, so that what cannot be opened is never marked as sent.
      found?.body();
      if (!found) await this.#catchUp();
      return found;
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      log.error({ id, reason: error.message }, "a write cannot be opened");
      const { attempts } = state;
      const dead: WriteState = { name: "DeadLetter", attempts, reason: "Unreadable", at: clock.now() };
      index.putState(id, await store.mark(id, dead, stateSeq), dead);
      return undefined;
    }
  }

  async #catchUp(): Promise<void> {
    const { store, index } = this.#deps;
    const { lastSeq } = await store.position();
    await index.caughtUp(lastSeq, AbortSignal.any([this.#signal, AbortSignal.timeout(catchUpMs)]));
  }
}

function reasonOf(state: WriteState): string | undefined {
  return state.name === "DeadLetter" ? state.reason : undefined;
}
