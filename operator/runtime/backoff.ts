export interface BackoffLimits {
  /** The first delay. */
  readonly minMs: number;
  /** No delay is longer: what heals must be seen to heal. */
  readonly maxMs: number;
}

/**
 * The delay after a number of failures in a row (1 is the first): doubling from minMs to maxMs, and of that a random
 * part between half and all, so that what failed together does not come back together.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: () => number = Math.random): number {
  const full = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(failures - 1, 40));
  return full * (0.5 + random() / 2);
}
