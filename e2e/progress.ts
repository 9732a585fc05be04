/** What a program tells the person who waits for it: which step runs, for how long, and what it is doing now. */
export interface Progress {
  /**
   * Runs one step. Its name is shown as soon as it has lasted two seconds, with its elapsed time from then on, and once
   * more at its end. Steps nest, and may run side by side. Errors of the work pass through untouched.
   */
  step<T>(name: string, work: (progress: Progress) => Promise<T>): Promise<T>;
  /** One line about what the step is doing; shown with its elapsed time, never a line of its own for long. */
  note(text: string): void;
  /** A line that stays. */
  say(text: string): void;
}

/** For callers that have nobody to tell. */
export const silentProgress: Progress = {
  step: (_name, work) => work(silentProgress),
  note: () => undefined,
  say: () => undefined,
};

/** What a console progress needs of the outside; tests pass their own. */
export interface ProgressOutput {
  write(text: string): void;
  /** Whether a line may be written over. */
  readonly interactive: boolean;
  now(): number;
  /** Calls back every `ms` until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
}

/** A step shorter than this is told by its closing line alone. */
const quietMs = 2_000;
/** How often a long step says that it is still at it, where lines cannot be written over (a CI log). */
const reminderMs = 15_000;

/** Progress on standard output. */
export function consoleProgress(output: ProgressOutput = processOutput()): Progress {
  return new ConsoleProgress(output, "");
}

/** Seconds as people read them: 4.2 s, 38 s, 3 min 05 s. */
export function elapsed(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

class ConsoleProgress implements Progress {
  readonly #output: ProgressOutput;
  readonly #indent: string;
  #note = "";
  /** Steps within this one that are under way: while there are any, they speak. */
  #inner = 0;

  constructor(output: ProgressOutput, indent: string) {
    this.#output = output;
    this.#indent = indent;
  }

  async step<T>(name: string, work: (progress: Progress) => Promise<T>): Promise<T> {
    const output = this.#output;
    const inner = new ConsoleProgress(output, `${this.#indent}  `);
    const started = output.now();
    let told = 0;
    this.#inner += 1;
    const stop = output.every(1_000, () => {
      const age = output.now() - started;
      if (age < quietMs || inner.#inner > 0) return;
      const line = `${this.#indent}… ${name}  ${elapsed(age)}${inner.#note === "" ? "" : `  ${inner.#note}`}`;
      if (output.interactive) {
        output.write(`${this.#clear()}${line.slice(0, 118)}`);
      } else if (told === 0 || age - told >= reminderMs) {
        told = age;
        output.write(`${line}\n`);
      }
    });
    try {
      const result = await work(inner);
      this.#close(`✓ ${name}`, started);
      return result;
    } catch (error) {
      this.#close(`✗ ${name}`, started);
      throw error;
    } finally {
      this.#inner -= 1;
      stop();
    }
  }

  note(text: string): void {
    this.#note = text.trim().split("\n").at(-1) ?? "";
  }

  say(text: string): void {
    this.#output.write(`${this.#clear()}${this.#indent}${text}\n`);
  }

  #close(line: string, started: number): void {
    this.#output.write(`${this.#clear()}${this.#indent}${line}  ${elapsed(this.#output.now() - started)}\n`);
  }

  /** Ends a line that is being written over. */
  #clear(): string {
    return this.#output.interactive ? "\r\u001b[2K" : "";
  }
}

function processOutput(): ProgressOutput {
  return {
    write: (text) => process.stdout.write(text),
    interactive: process.stdout.isTTY === true,
    now: () => performance.now(),
    every: (ms, tick) => {
      const timer = setInterval(tick, ms);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}
