/**
 * Lets so many in at once; the others wait in the order in which they came.
 *
 * Guarantees: who was let in leaves exactly once, by calling what it got; nobody is overtaken. Bound: one entry per waiter.
 */
export class Turnstile {
  readonly #most: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when there is room, with what to call at the end. */
  async enter(): Promise<() => void> {
    if (this.#inside >= this.#most) await new Promise<void>((admit) => this.#waiting.push(admit));
    else this.#inside += 1;
    let left = false;
    return () => {
      if (left) throw new Error("left twice");
      left = true;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside -= 1;
    };
  }
}
