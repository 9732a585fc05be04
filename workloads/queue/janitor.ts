import type { Clock } from "../../operator/runtime/clock.ts";
import type { Log } from "../../operator/runtime/log.ts";
import type { WriteStore } from "./store.ts";
import type { WriteIndex } from "./write-index.ts";

const everyMs = 60_000;
/** Of one round: it shares the store with what users wait for. */
const atOnce = 500;

/**
 * Removes what is left of finished writes after their time, until the signal: until then a key gets the same answer again.
 * Run by the holder of the lock; the others forget what they know by the same rule.
 */
export async function sweepFinished(
  deps: { readonly store: WriteStore; readonly index: WriteIndex; readonly clock: Clock; readonly log: Log },
  ageMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { store, index, clock, log } = deps;
  while (!signal.aborted) {
    const old = index.finishedBefore(clock.now() - ageMs, atOnce);
    for (const { id } of old) {
      if (signal.aborted) return;
      try {
        await store.forget(id);
        index.forget(id);
      } catch (error) {
        log.warn({ id, reason: String(error) }, "a finished write could not be removed");
        break;
      }
    }
    if (old.length < atOnce) await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}
