import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** A finished run of something that takes long. */
export interface KeptRun<T> {
  /** What it depends on: a run of other images or programs is not a run of this bench. */
  readonly setting: string;
  readonly name: string;
  /** When it ended; ISO 8601. */
  readonly at: string;
  readonly result: T;
}

/**
 * Finished runs, one line of JSON each, so that a bench that was interrupted goes on where it stopped. A line is written when its run has
 * ended and at once, so what is there is whole; a line that was cut off all the same is left out.
 */
export class KeptRuns<T> {
  readonly #path: string;
  readonly #setting: string;

  constructor(path: string, setting: string) {
    this.#path = path;
    this.#setting = setting;
  }

  /** The newest `count` of one name in this setting, oldest first. */
  async of(name: string, count: number): Promise<readonly KeptRun<T>[]> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    return newestRuns(parseKeptRuns<T>(text), { setting: this.#setting, name, count });
  }

  async keep(name: string, result: T): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    const run: KeptRun<T> = { setting: this.#setting, name, at: new Date().toISOString(), result };
    await appendFile(this.#path, `${JSON.stringify(run)}\n`);
  }

  /** Forgets every run, of other settings too. */
  async forget(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFile(this.#path, "");
  }
}

/** The runs of a file. The last line may be cut off where its writer died: it is left out. */
export function parseKeptRuns<T>(text: string): KeptRun<T>[] {
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as KeptRun<T>);
}

/** The newest that count, oldest first. */
export function newestRuns<T>(
  runs: readonly KeptRun<T>[],
  wanted: { readonly setting: string; readonly name: string; readonly count: number },
): KeptRun<T>[] {
  return runs.filter(({ setting, name }) => setting === wanted.setting && name === wanted.name).slice(-wanted.count);
}
