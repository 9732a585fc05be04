import type { Capability, ModeDocument } from "../../../operator/api/mode-document.ts";

/** RFC 9457, with what a client needs to try again by itself. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: 503;
  /** For the user, in plain words. */
  readonly detail: string;
  readonly capability: Capability;
  /** The capability's mode. */
  readonly mode: string;
  /** The mode document's; 0 where none is known. */
  readonly epoch: number;
  readonly retryAfterSeconds: number;
}

/**
 * When to try again. A database is mostly back within seconds, and whoever waits for it is about to save something; the
 * others take as long as they take, and there is something else to do meanwhile.
 */
const retryAfterSeconds = { database: 5, storage: 15, collaboration: 15, dawParsing: 30, auth: 15 } as const;

/**
 * What a request is answered with that the mode does not let pass.
 *
 * @param notice the sentence for users where the mode does not know yet that anything is wrong
 */
export function problemOf(mode: ModeDocument | undefined, capability: Capability, notice?: string): Problem {
  const state = mode?.capabilities[capability];
  const known = state !== undefined && state.mode !== "Normal";
  return {
    type: "https://stemhub.dev/problems/not-now",
    title: "Not possible right now",
    status: 503,
    detail: known && state.message !== "" ? state.message : (notice ?? ""),
    capability,
    mode: known ? state.mode : "ReadOnly",
    epoch: mode === undefined ? 0 : mode.epoch,
    retryAfterSeconds: retryAfterSeconds[capability],
  };
}
