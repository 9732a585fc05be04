import { type BackoffLimits, backoffMs } from "./backoff.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Metrics } from "./metrics.ts";

/** controller-runtime's first delay; its cap of 1000 s is too long for somebody who waits for a repair to be seen. */
const retryLimits: BackoffLimits = { minMs: 5, maxMs: 30_000 };

export interface QueueOptions {
  /** The label of its metrics. */
  readonly name: string;
  readonly clock: Clock;
  readonly metrics?: Metrics;
  readonly random?: () => number;
}

/**
 * Keys that want work. A key says only that something about it may differ; what it is, the worker reads for itself, so
 * ten changes before it comes are one piece of work.
 *
 * A key is idle, delayed (wanted later), ready (wanted now) or running; while running it may be wanted again.
 *
 * | call        | idle    | delayed              | ready   | running                    |
 * |-------------|---------|----------------------|---------|----------------------------|
 * | add         | ready   | ready                | ready   | wanted again: ready at done |
 * | addAfter(t) | delayed | the earlier of both  | ready   | delayed until t, then as add |
 * | done        | a bug   | a bug                | a bug   | ready if wanted, else idle |
 *
 * Guarantees: a key that is running is not handed out; a key that was added is handed out after that add, at least
 * once; ready keys come in the order in which they became ready. Bound: one entry per key, so the number of objects.
 */
export class WorkQueue {
  readonly #options: QueueOptions;
  /** Ready keys, in order, each with the time since when. */
  readonly #ready = new Map<string, number>();
  readonly #delayed = new Map<string, { dueAt: number; timer: Timer }>();
  /** Running keys, each with the time since when. */
  readonly #running = new Map<string, number>();
  readonly #wantedAgain = new Set<string>();
  /** Failures in a row; a key that never failed, or succeeded last, has no entry. */
  readonly #failures = new Map<string, number>();
  /** Keys that the API server asked to leave alone, each with the time until when; nothing makes them ready before. */
  readonly #heldUntil = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    const { clock } = options;
    options.metrics?.queueStarted(options.name, () =>
      [...this.#running.values()].map((since) => (clock.monotonic() - since) / 1000),
    );
  }

  /** Wanted now. */
  add(key: string): void {
    if (this.#closed) return;
    this.#clearDelay(key);
    if (this.#running.has(key)) {
      if (!this.#wantedAgain.has(key)) this.#options.metrics?.queueAdded(this.#options.name);
      this.#wantedAgain.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#options.metrics?.queueAdded(this.#options.name);
    this.#makeReady(key);
  }

  /** Wanted after `ms`, or earlier when it was so already. */
  addAfter(key: string, ms: number): void {
    if (this.#closed || this.#ready.has(key) || this.#wantedAgain.has(key)) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const dueAt = this.#options.clock.monotonic() + ms;
    const known = this.#delayed.get(key);
    if (known && known.dueAt <= dueAt) return;
    this.#clearDelay(key);
    this.#delayed.set(key, { dueAt, timer: this.#options.clock.setTimer(ms, () => this.add(key)) });
  }

  /**
   * Wanted after this key's backoff, which doubles with each failure in a row. `heldMs`: the API server asked to be left
   * alone for so long, and then neither the backoff nor an `add` brings the key back before.
   */
  retry(key: string, heldMs = 0): void {
    if (heldMs > 0) this.#heldUntil.set(key, this.#options.clock.monotonic() + heldMs);
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#options.metrics?.queueRetried(this.#options.name);
    this.addAfter(key, Math.max(heldMs, backoffMs(failures, retryLimits, this.#options.random)));
  }

  /** The key is well: its next failure starts the backoff anew. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next ready key, now running, as soon as there is one; undefined once the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#handOut();
    });
  }

  /** The worker is through with the key. */
  done(key: string): void {
    const since = this.#running.get(key);
    if (since === undefined) throw new Error(`key ${key} is done, but was not running`);
    this.#running.delete(key);
    this.#options.metrics?.queueWorked(this.#options.name, (this.#options.clock.monotonic() - since) / 1000);
    if (this.#wantedAgain.delete(key) && !this.#closed) this.#makeReady(key);
  }

  /** No key is handed out any more; what is running may be finished. */
  close(): void {
    this.#closed = true;
    for (const key of [...this.#delayed.keys()]) this.#clearDelay(key);
    this.#ready.clear();
    this.#options.metrics?.queueDepth(this.#options.name, 0);
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #makeReady(key: string): void {
    const heldMs = (this.#heldUntil.get(key) ?? 0) - this.#options.clock.monotonic();
    if (heldMs > 0) {
      this.addAfter(key, heldMs);
      return;
    }
    this.#heldUntil.delete(key);
    this.#ready.set(key, this.#options.clock.monotonic());
    this.#handOut();
  }

  #handOut(): void {
    for (const [key, since] of this.#ready) {
      const taker = this.#takers.shift();
      if (!taker) break;
      const now = this.#options.clock.monotonic();
      this.#ready.delete(key);
      this.#running.set(key, now);
      this.#options.metrics?.queueWaited(this.#options.name, (now - since) / 1000);
      taker(key);
    }
    this.#options.metrics?.queueDepth(this.#options.name, this.#ready.size);
  }

  #clearDelay(key: string): void {
    this.#delayed.get(key)?.timer.clear();
    this.#delayed.delete(key);
  }
}
