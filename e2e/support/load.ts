import { performance } from "node:perf_hooks";

/** One request of a load that did not succeed. */
export interface LoadFailure {
  /** When it was sent, in ms since the load began. */
  readonly atMs: number;
  readonly reason: string;
}

/** What a load saw. */
export interface LoadResult {
  readonly sent: number;
  readonly failed: readonly LoadFailure[];
  /** Of those that succeeded, in ms. */
  readonly latency: { readonly median: number; readonly p99: number; readonly max: number };
}

/** A load that is under way. */
export interface Load {
  /** Sends no more, waits for what is on its way (bounded by the request deadline), and reports. */
  stop(): Promise<LoadResult>;
}

/**
 * Sends requests at a steady rate, whether or not earlier ones have been answered: a server that stalls is not spared
 * by its callers' waiting, as in the field.
 *
 * @param request sends one request under the signal's deadline; resolves when the answer is right, else rejects.
 */
export function startLoad(options: {
  readonly perSecond: number;
  readonly deadlineMs: number;
  readonly request: (signal: AbortSignal) => Promise<void>;
}): Load {
  const began = performance.now();
  const underway = new Set<Promise<void>>();
  const failed: LoadFailure[] = [];
  const latencies: number[] = [];
  let sent = 0;

  const send = () => {
    sent += 1;
    const at = performance.now();
    const one = options
      .request(AbortSignal.timeout(options.deadlineMs))
      .then(() => {
        latencies.push(performance.now() - at);
      })
      .catch((error: unknown) => {
        failed.push({ atMs: Math.round(at - began), reason: error instanceof Error ? error.message : String(error) });
      })
      .finally(() => underway.delete(one));
    underway.add(one);
  };
  // By the clock and not by counting ticks: a late tick sends what is due, so the rate holds on a busy machine.
  const timer = setInterval(
    () => {
      while (sent < ((performance.now() - began) / 1_000) * options.perSecond) send();
    },
    Math.max(5, 500 / options.perSecond),
  );

  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underway);
      return { sent, failed, latency: quantiles(latencies) };
    },
  };
}

/** Failures as a test prints them: how many of how many, and the first few. */
export function describeLoad({ sent, failed, latency }: LoadResult): string {
  const first = failed.slice(0, 5).map(({ atMs, reason }) => `\n  after ${(atMs / 1_000).toFixed(1)} s: ${reason}`);
  return `${failed.length} failed of ${sent}; median ${latency.median.toFixed(0)} ms, p99 ${latency.p99.toFixed(0)} ms${first.join("")}`;
}

function quantiles(values: readonly number[]): LoadResult["latency"] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { median: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
