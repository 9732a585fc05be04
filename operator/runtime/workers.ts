import type { Clock, Timer } from "./clock.ts";
import type { WorkQueue } from "./queue.ts";

/** What a worker that was told to stop may still take. With abandonMs: a stop takes 30 s at most. */
const drainMs = 25_000;

/** After the hard end: what runs has lost its API client, so all it can do is notice. */
const abandonMs = 5_000;

export interface WorkersOptions {
  readonly queue: WorkQueue;
  readonly concurrency: number;
  /** Works on one key. Must not throw: what a failure means is decided inside. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  /** Hard end: `work` has its signal aborted at once. */
  readonly signal: AbortSignal;
  /** Soft end: no new keys; what runs has `drainMs` until the hard end. */
  readonly stopping?: AbortSignal;
}

/**
 * Takes keys from the queue and works on them, `concurrency` at a time, until told to stop.
 *
 * Guarantees: no key is worked on twice at once (the process dies if that law breaks: two workers on one object would
 * undo each other's writes); when the promise resolves nothing is running. Rejects when work goes on after the hard end.
 */
export async function runWorkers(options: WorkersOptions): Promise<void> {
  const { queue, clock, signal, stopping } = options;
  const working = new Set<string>();
  const hardEnd = new AbortController();
  const end = AbortSignal.any([signal, hardEnd.signal]);

  const worker = async () => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      if (working.has(key)) throw new Error(`key ${key} was handed out while it is worked on`);
      working.add(key);
      try {
        await options.work(key, end);
      } finally {
        working.delete(key);
        queue.done(key);
      }
    }
  };
  const all = Promise.all(Array.from({ length: options.concurrency }, worker));

  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      queue.close();
      resolve();
    };
    if (signal.aborted || stopping?.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    stopping?.addEventListener("abort", stop, { once: true });
  });
  await Promise.race([stopped, all]);

  const drain = clock.setTimer(signal.aborted ? 0 : drainMs, () => hardEnd.abort(new Error("the drain time is over")));
  let abandon: Timer | undefined;
  let giveUp: () => void = () => undefined;
  const abandoned = new Promise<never>((_, reject) => {
    giveUp = () => {
      abandon = clock.setTimer(abandonMs, () => reject(new Error(`work goes on after its end: ${[...working]}`)));
    };
  });
  if (end.aborted) giveUp();
  else end.addEventListener("abort", giveUp, { once: true });
  try {
    await Promise.race([all, abandoned]);
  } finally {
    end.removeEventListener("abort", giveUp);
    drain.clear();
    abandon?.clear();
  }
}
