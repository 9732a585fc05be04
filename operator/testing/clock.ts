import { type Clock, sleepWith, type Timer } from "../runtime/clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that a test moves. Timers run in the order of their times, and between two of them everything that is ready
 * in the event loop has run, so that what a timer starts is seen by the next one.
 */
export class FakeClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #monotonic = 0;
  #order = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimer(ms: number, callback: () => void): Timer {
    const pending = { at: this.#monotonic + Math.max(0, ms), order: this.#order++, callback };
    this.#pending.add(pending);
    return { clear: () => this.#pending.delete(pending) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, ms, signal);
  }

  /** Timers that are set: a test's end with some left shows a leak. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Moves both times by `ms`, running what comes due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#move(next.at - this.#monotonic);
      this.#pending.delete(next);
      next.callback();
      await settle();
    }
    this.#move(end - this.#monotonic);
  }

  /** Time passes and no timer runs: a process that was frozen, or an event loop that is blocked. */
  freeze(ms: number): void {
    this.#move(ms);
  }

  /** The wall clock jumps, as after a time sync; monotonic time does not notice. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #move(ms: number): void {
    this.#now += ms;
    this.#monotonic += ms;
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const one of this.#pending) {
      if (one.at > end) continue;
      if (!first || one.at < first.at || (one.at === first.at && one.order < first.order)) first = one;
    }
    return first;
  }
}

/** Lets everything that is ready in the event loop run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
