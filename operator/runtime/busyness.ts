import { type EventLoopUtilization, performance } from "node:perf_hooks";
import type { Clock } from "./clock.ts";

/** Over so long busyness is averaged: shorter, and a single pass would count. */
const windowMs = 5_000;

/**
 * How busy this process is: the share of the last seconds in which its event loop was at work, 0 to 1. Measured when it is asked
 * for, so that nobody is woken.
 */
export function busyness(clock: Clock): () => number {
  let from: EventLoopUtilization = performance.eventLoopUtilization();
  let fromMs = clock.monotonic();
  let last = 0;
  return () => {
    if (clock.monotonic() - fromMs >= windowMs) {
      last = performance.eventLoopUtilization(from).utilization;
      from = performance.eventLoopUtilization();
      fromMs = clock.monotonic();
    }
    return last;
  };
}
