import type { CacheReader } from "../../runtime/cache.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { kinds } from "../kinds.ts";
import { patroniLabels } from "../postgres/patroni.ts";

/**
 * A node that takes the operator's leader and most primaries with it leaves nobody to take its pods out of Services until
 * another replica's Lease has run out, 15 s. Half of all primaries cannot be on two nodes at once, so the leader that
 * follows does not go on for the same reason.
 *
 * @param primaryNodes where the primaries of all StemHubs are
 */
export function isBadlyPlaced(ownNode: string, primaryNodes: readonly (string | undefined)[]): boolean {
  return primaryNodes.filter((node) => node === ownNode).length * 2 > primaryNodes.length;
}

/** A failover or a rolling restart moves primaries about: what holds for so long is where they live. */
export const patienceMs = 120_000;

/** Where there is no other replica the leadership comes back, after a gap: not more often than that. */
const restMs = 60 * 60_000;

const lookEveryMs = 15_000;

/** What the watch is made of. */
export interface PlacementOptions {
  readonly cache: CacheReader;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends with the leadership. */
  readonly signal: AbortSignal;
  readonly ownNode: string;
  /** Gives the leadership up. */
  readonly resign: () => void;
  /** When this process last gave it up so, by the monotonic clock; undefined if it never did. */
  readonly resignedAtMs: number | undefined;
}

/** Gives the leadership up, once, when the leader has lived on the primaries' node for `patienceMs`. */
export async function watchPlacement(options: PlacementOptions): Promise<void> {
  const { cache, clock, log, signal, ownNode, resign, resignedAtMs } = options;
  let badSinceMs: number | undefined;
  while (!signal.aborted) {
    const now = clock.monotonic();
    const primaries = cache.list(kinds.pod, undefined, { [patroniLabels.role]: patroniLabels.primary });
    const nodes = primaries.map(({ spec }) => (spec as { nodeName?: string } | undefined)?.nodeName);
    badSinceMs = isBadlyPlaced(ownNode, nodes) ? (badSinceMs ?? now) : undefined;
    const rested = resignedAtMs === undefined || now - resignedAtMs >= restMs;
    if (badSinceMs !== undefined && now - badSinceMs >= patienceMs && rested) {
      log.info({ node: ownNode, reason: "most primaries live on its node" }, "the leader makes room for another");
      resign();
      return;
    }
    await clock.sleep(lookEveryMs, signal);
  }
}
