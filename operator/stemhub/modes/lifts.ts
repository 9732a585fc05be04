import type { Clock } from "../../runtime/clock.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";

/** When PostgreSQL was told that it takes writes again, of each StemHub. Disposable: a new leader goes by what is published. */
export class Lifts {
  readonly #clock: Clock;
  /** Undefined while it is read-only. */
  readonly #liftedMs = new Map<string, number | undefined>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Since the first pass that no longer wanted it to be read-only: 0 while one does, undefined where none ever did. Units: ms.
   */
  liftedForMs(key: Key, wanted: boolean): number | undefined {
    const id = formatKey(key);
    if (wanted) this.#liftedMs.set(id, undefined);
    else if (!this.#liftedMs.has(id)) return undefined;
    const lifted = this.#liftedMs.get(id) ?? this.#clock.monotonic();
    if (!wanted) this.#liftedMs.set(id, lifted);
    return this.#clock.monotonic() - lifted;
  }

  forget(key: Key): void {
    this.#liftedMs.delete(formatKey(key));
  }
}
