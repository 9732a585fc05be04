import { setTimeout as sleep } from "node:timers/promises";

/** How often something that cannot be watched is looked at: each look starts a kubectl, and the suite has two processors. */
const defaultLookEveryMs = 1_000;

/**
 * Looks until the answer is neither undefined nor false, and returns it.
 *
 * @param what ends the sentence "still not so after 30 s: …".
 * Errors: one that says what was waited for and what the last look found, when the deadline passes. An error of a look
 * is not the end: the world may be between two states.
 */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  look: () => Promise<T | undefined | false>,
  lookEveryMs = defaultLookEveryMs,
): Promise<T> {
  const until = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= until) {
      const why =
        last === undefined ? "" : `\nthe last look failed: ${last instanceof Error ? last.message : String(last)}`;
      throw new Error(`still not so after ${deadlineMs / 1_000} s: ${what}${why}`, { cause: last });
    }
    await sleep(lookEveryMs);
  }
}
