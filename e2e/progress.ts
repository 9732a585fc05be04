/** What a program tells the person who waits for it: which step runs, for how long, and what it is doing now. */
export interface Progress {
  /**
   * Runs one step. Its name is shown as soon as it has lasted two seconds, with its elapsed time from then on, and once
   * more at its end. Steps nest, and may run side by side. Errors of the work pass through untouched.
   */
  step<T>(name: string, work: (progress: Progress) => Promise<T>): Promise<T>;
  /** One line about what the step is doing; shown with its elapsed time, never a line of its own for long. */
  note(text: string): void;
}

/** For callers that have nobody to tell. */
export const silentProgress: Progress = {
  step: (_name, work) => work(silentProgress),
  note: () => undefined,
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

  constructor(output: ProgressOutput, indent: string) {
    this.#output = output;
    this.#indent = indent;
  }

  async step<T>(name: string, work: (progress: Progress) => Promise<T>): Promise<T> {
    const output = this.#output;
    const inner = new ConsoleProgress(output, `${this.#indent}  `);
    const started = output.now();
    let told = 0;
    const stop = output.every(1_000, () => {
      const age = output.now() - started;
      if (age < quietMs) return;
      const line = `${this.#indent}… ${name}  ${elapsed(age)}${inner.#note === "" ? "" : `  ${inner.#note}`}`;
      if (output.interactive) {
        output.write(`\r\u001b[2K${line.slice(0, 118)}`);
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
      stop();
    }
  }

  note(text: string): void {
    this.#note = text.trim().split("\n").at(-1) ?? "";
  }

  #close(line: string, started: number): void {
    const clear = this.#output.interactive ? "\r\u001b[2K" : "";
    this.#output.write(`${clear}${this.#indent}${line}  ${elapsed(this.#output.now() - started)}\n`);
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
