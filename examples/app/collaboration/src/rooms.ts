import { log } from "./log.ts";
import type { NotesFiles } from "./notes-files.ts";
import { Room } from "./room.ts";

/** How long after a change it is stored. What a crash takes, the clients still have, and bring when they come again. */
const saveAfterMs = 1_000;
/** Rooms in memory at most: with notes of the largest size, 4 GiB. Far fewer are open at once, and far smaller. */
const mostRooms = 1_000;

/** A room in memory. */
interface Open {
  readonly room: Room;
  /** Of the next save; undefined while all is stored. */
  timer: NodeJS.Timeout | undefined;
  /** The last save that began: they follow one another. */
  saving: Promise<void>;
}

/** All rooms that somebody is connected to. Each is stored soon after a change, and before it goes. */
export class Rooms {
  readonly #files: NotesFiles;
  readonly #open = new Map<string, Promise<Open>>();

  constructor(files: NotesFiles) {
    this.#files = files;
  }

  /**
   * Gives the room to `use`, which joins somebody to it at once. Errors: when there are too many rooms, or its notes cannot
   * be read: they are left as they are.
   */
  async enter(project: string, use: (room: Room) => void): Promise<void> {
    let opening = this.#open.get(project);
    if (!opening) {
      if (this.#open.size >= mostRooms) throw new Error("too many rooms are open");
      opening = this.#load(project);
      this.#open.set(project, opening);
      opening.catch(() => this.#open.delete(project));
    }
    const { room } = await opening;
    // It may have gone while this waited: then it is loaded again. Later it cannot, since `use` joins at once.
    if (this.#open.get(project) !== opening) return this.enter(project, use);
    use(room);
  }

  /** After somebody left: a room without anybody is stored and goes, unless somebody came meanwhile. */
  async left(project: string): Promise<void> {
    const open = await this.#open.get(project);
    if (open && open.room.size === 0) await this.#save(project, open);
  }

  /** Ends every connection and stores everything. */
  async close(): Promise<void> {
    await Promise.allSettled(
      [...this.#open].map(async ([project, opening]) => {
        const open = await opening;
        open.room.closeAll();
        await this.#save(project, open);
      }),
    );
  }

  async #load(project: string): Promise<Open> {
    const state = await this.#files.load(project);
    const open: Open = {
      room: new Room(state, () => this.#saveSoon(project, open)),
      timer: undefined,
      saving: Promise.resolve(),
    };
    return open;
  }

  #saveSoon(project: string, open: Open): void {
    open.timer ??= setTimeout(() => this.#save(project, open), saveAfterMs);
  }

  /** Does not fail: what could not be stored stays in memory and is tried again. */
  #save(project: string, open: Open): Promise<void> {
    open.saving = open.saving.then(async () => {
      const changed = open.timer !== undefined;
      clearTimeout(open.timer);
      open.timer = undefined;
      try {
        if (changed) await this.#files.save(project, open.room.encode());
      } catch (error) {
        log("notes cannot be stored", { project, reason: (error as NodeJS.ErrnoException).code ?? "unknown" });
        this.#saveSoon(project, open);
      }
      if (open.room.size > 0 || open.timer) return;
      this.#open.delete(project);
      open.room.destroy();
    });
    return open.saving;
  }
}
