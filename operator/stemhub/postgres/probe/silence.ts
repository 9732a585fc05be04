import type { Clock } from "../../../runtime/clock.ts";
import type { WriteTrouble } from "./findings.ts";

/** How the writes to one database go, whichever member was primary. Units: ms. */
export interface WriteSigns {
  /** Since the last write that was answered; since asking began where none was. */
  readonly silentMs: number;
  /** For how long writes have been answered without a pause. */
  readonly answeringForMs: number;
  /** The present primary has answered one. */
  readonly answered: boolean;
  /** The present primary has only just been asked for the first time. */
  readonly begun: boolean;
  /** Why the last one has no answer. */
  readonly trouble: WriteTrouble | undefined;
}

/** Twice the time between two writes, and a little: a longer pause is one. */
const pauseMs = 2_500;

/** A timer that is later than that says that this process stood still. */
export const standstillMs = 250;

/** When writes to one database were answered. It outlives a change of its primary. */
export class AnsweredWrites {
  readonly #clock: Clock;
  #lastMs: number;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.monotonic();
    this.#sinceMs = this.#lastMs;
  }

  answered(): void {
    const now = this.#clock.monotonic();
    if (now - this.#lastMs > pauseMs) this.#sinceMs = now;
    this.#lastMs = now;
  }

  /** This process stood still for so long, and heard nothing: that is nobody's silence but its own. */
  stoodStill(ms: number): void {
    this.#lastMs = Math.min(this.#clock.monotonic(), this.#lastMs + ms);
  }

  get silentMs(): number {
    return this.#clock.monotonic() - this.#lastMs;
  }

  get answeringForMs(): number {
    return this.#clock.monotonic() - this.#sinceMs;
  }
}
