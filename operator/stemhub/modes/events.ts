import type { ModesStatus } from "../../api/modes.ts";
import type { EventDetails } from "../../runtime/events.ts";
import { type AnyMode, rank } from "./causes.ts";

/** One event for each flip that the former status did not have: a Warning when it became worse. */
export function flipEvents(before: ModesStatus | undefined, after: ModesStatus | undefined): EventDetails[] {
  const known = before?.epoch ?? 0;
  return (after?.flips ?? [])
    .filter(({ epoch }) => epoch > known)
    .map(({ capability, from, to, reason }) => {
      const detail = after?.capabilities.find(({ name }) => name === capability)?.detail;
      const worse = rank(to as AnyMode) > rank(from as AnyMode);
      const why = detail === undefined ? reason : `${reason}: ${detail}`;
      return {
        type: worse ? "Warning" : "Normal",
        reason: worse ? "ModeWorse" : "ModeBetter",
        note: `${capability} was ${from} and is ${to} (${why}).`,
      };
    });
}
