import type { Capability } from "../../api/mode-document.ts";
import { type Flip, mostFlips } from "../../api/modes.ts";
import { type AnyMode, rank } from "./causes.ts";

/** A capability that failed, came back and failed again within that long is held to its dwell time. Units: ms. */
export const flapWindowMs = 120_000;

/** What a dwell is judged by. */
export interface DwellFacts {
  readonly capability: Capability;
  /** The last flips of all capabilities, the newest last. */
  readonly flips: readonly Flip[];
  readonly dwellMs: number;
  /** For how long what was wrong has been well; undefined where that cannot be told. Units: ms. */
  readonly wellForMs: number | undefined;
  readonly now: number;
}

/**
 * How long a better mode has to wait yet; 0 for not at all. The first time a capability comes back it does so at once. One
 * that came back within two minutes and failed again must have done well for the dwell time, and so long must its mode
 * stand, so that users are not sent to and fro.
 */
export function dwellLeftMs({ capability, flips, dwellMs, wellForMs, now }: DwellFacts): number {
  // A flip in the future is from before the clock was set back: nothing can be measured by it.
  const known = flips.filter(({ at }) => Date.parse(at) <= now);
  const own = known.filter((flip) => flip.capability === capability);
  const worse = own.findLastIndex(isWorse);
  const fell = own[worse];
  if (!fell) return 0;
  const isRecent = ({ at }: Flip) => now - Date.parse(at) <= flapWindowMs;
  const cameBack = own.slice(0, worse).some((flip) => !isWorse(flip) && isRecent(flip));
  // Where so much happens that the memory holds less than the window, what is forgotten counts as a return.
  const [oldest] = flips;
  const forgotten = flips.length >= mostFlips && oldest !== undefined && isRecent(oldest);
  if (!cameBack && !forgotten) return 0;
  const stoodMs = now - Date.parse(fell.at);
  return Math.max(0, dwellMs - Math.min(stoodMs, wellForMs ?? stoodMs));
}

function isWorse({ from, to }: Flip): boolean {
  return rank(to as AnyMode) > rank(from as AnyMode);
}
