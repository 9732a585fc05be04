import { access, constants, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** Notes of projects as files of a folder, one each: the whole state, as Yjs encodes it. */
export class NotesFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined where a project has none yet. Errors: those of reading. */
  async load(project: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path(project));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * Guarantees: whenever the process or the machine ends, the file holds this state or the former one, whole. Assumes that
   * one process writes, and a project's states one after the other. Errors: those of writing.
   */
  async save(project: string, state: Uint8Array): Promise<void> {
    const path = this.#path(project);
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(state);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }

  /** Errors: when the folder cannot be written to. */
  async check(): Promise<void> {
    await access(this.#folder, constants.R_OK | constants.W_OK);
  }

  #path(project: string): string {
    return join(this.#folder, `${project}.yjs`);
  }
}
