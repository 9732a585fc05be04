import type { Clock } from "../../runtime/clock.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";

/** When PostgreSQL was last told to be read-only, of each StemHub. Disposable: a new leader goes by what is published. */
export class Lifts {
  readonly #clock: Clock;
  readonly #wantedMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Since it was last wanted to be read-only: 0 while it is, undefined where it never was. Units: ms. */
  liftedForMs(key: Key, wanted: boolean): number | undefined {
    const now = this.#clock.monotonic();
    if (wanted) this.#wantedMs.set(formatKey(key), now);
    const last = this.#wantedMs.get(formatKey(key));
    return last === undefined ? undefined : now - last;
  }

  forget(key: Key): void {
    this.#wantedMs.delete(formatKey(key));
  }
}
