import { setTimeout as startTimer } from "node:timers";

/** A timer that was set; `clear` is idempotent and after it the callback never runs. */
export interface Timer {
  clear(): void;
}

/**
 * The only source of time. Code takes a Clock instead of calling Date.now or setTimeout, so that a test of a 15 s lease
 * takes a millisecond and a clock that jumps can be shown.
 */
export interface Clock {
  /** Wall time in ms since 1970. May jump either way: only for what people or other machines read. */
  now(): number;
  /** Monotonic time in ms since some moment. Never jumps: for every deadline and duration. */
  monotonic(): number;
  /** Runs `callback` once, not before `ms` have passed. */
  setTimer(ms: number, callback: () => void): Timer;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** sleep in terms of setTimer, the same for every clock. */
export function sleepWith(clock: Pick<Clock, "setTimer">, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.clear();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Node's own clock. Timers longer than 24 days would overflow and fire at once: they are cut to that. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, callback) {
    const timer = startTimer(callback, Math.min(ms, 0x7fffffff));
    return { clear: () => clearTimeout(timer) };
  },
  sleep: (ms, signal) => sleepWith(systemClock, ms, signal),
};
