import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClusterError } from "../cluster.ts";
import { readIfPresent, replaceFile } from "../files.ts";

/** How long a process may take to end by itself where its state is still needed. */
const defaultGraceMs = 10_000;
const pollMs = 100;

/** A program to be kept running, with everything that decides what it does. */
export interface Service {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Content of configuration that the program reads only at its start: when it changes, the program is restarted. */
  readonly restartOn?: string;
}

/** What is known of a started process. A reused number has another start time, so it is never taken for ours. */
interface Started {
  readonly pid: number;
  /** Clock ticks since boot, as /proc/PID/stat has it. */
  readonly startTime: string;
  readonly command: string;
}

/**
 * The processes of one cluster, recorded on disk: they outlive the program that starts them, and a later one finds, mends
 * or ends them. Assumes: one program at a time changes them (the cluster's lock).
 */
export class Services {
  readonly #directory: string;
  readonly #logs: string;
  readonly #env: NodeJS.ProcessEnv;
  /** Those that must run by now; others may still wait for their turn to be mended. */
  readonly #ensured = new Set<string>();

  /**
   * @param directory holds NAME.json of each
   * @param logs holds NAME.log
   * @param bin is searched for programs before PATH
   */
  constructor(directory: string, logs: string, bin: string) {
    this.#directory = directory;
    this.#logs = logs;
    this.#env = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` };
  }

  /** Starts a program unless it runs already, as it should now: one of another command line is restarted. */
  async ensure(service: Service): Promise<void> {
    const wanted = fingerprint(service);
    const started = await this.#running(service.name);
    if (started?.command === wanted) {
      this.#ensured.add(service.name);
      return;
    }
    if (started) await this.stop(service.name);
    await mkdir(this.#directory, { recursive: true });
    await mkdir(this.#logs, { recursive: true });
    const [program, ...args] = service.command;
    const log = openSync(join(this.#logs, `${service.name}.log`), "a");
    try {
      const child = spawn(program, args, {
        detached: true, // A session of its own: a Ctrl-C here is not for it.
        stdio: ["ignore", log, log],
        env: { ...this.#env, ...service.env },
      });
      await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
      child.unref();
      const pid = child.pid ?? 0;
      const startTime = await startTimeOf(pid);
      if (!startTime) throw await this.death(service.name);
      const record: Started = { pid, startTime, command: wanted };
      await replaceFile(this.#file(service.name), JSON.stringify(record));
      // Not before: to assertAlive, which may run beside this, one that is expected and not recorded has died.
      this.#ensured.add(service.name);
    } finally {
      closeSync(log);
    }
  }

  /** Ends one: asks, and kills after some time; at once, with 0. One that does not run is fine. */
  async stop(name: string, graceMs = defaultGraceMs): Promise<void> {
    this.#ensured.delete(name);
    const started = await this.#running(name);
    if (started) {
      if (graceMs > 0) signal(started.pid, "SIGTERM");
      const deadline = Date.now() + graceMs;
      while (Date.now() < deadline && (await this.#running(name))) await sleep(pollMs);
      if (await this.#running(name)) signal(started.pid, "SIGKILL");
      while (await this.#running(name)) await sleep(pollMs);
    }
    await rm(this.#file(name), { force: true });
  }

  /** Names of all that were started and not stopped, and whether each still runs. */
  async all(): Promise<{ readonly name: string; readonly running: boolean }[]> {
    const files = (await readdir(this.#directory).catch(ifAbsent)).filter((file) => file.endsWith(".json"));
    const names = files.map((file) => file.slice(0, -".json".length)).sort();
    return Promise.all(names.map(async (name) => ({ name, running: (await this.#running(name)) !== undefined })));
  }

  /** Errors: ClusterError when one that was ensured here has died, with its last words. */
  async assertAlive(): Promise<void> {
    for (const name of this.#ensured) if (!(await this.#running(name))) throw await this.death(name);
  }

  /** The last words of one. */
  async death(name: string): Promise<ClusterError> {
    const path = join(this.#logs, `${name}.log`);
    const words = ((await readIfPresent(path)) ?? "").trimEnd().split("\n").slice(-5).join("\n");
    return new ClusterError(`${name} has died; its log is ${path}\n${words}`);
  }

  async #running(name: string): Promise<Started | undefined> {
    const text = await readIfPresent(this.#file(name));
    if (text === undefined) return undefined;
    const started: Started = JSON.parse(text);
    return (await startTimeOf(started.pid)) === started.startTime ? started : undefined;
  }

  #file(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}

/** Start time of a process; undefined for one that has ended, be it reaped or not. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readIfPresent(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, so what follows is counted from its end: state is field 3, start time 22.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

/**
 * Polls until it is so. A ClusterError of `isSo` ends the wait (waiting mends nothing), any other is a "not yet".
 * Errors: ClusterError that says what was waited for, and the last error's words.
 */
export async function waitFor(what: string, deadlineMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let why = "";
    try {
      if (await isSo()) return;
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      why = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (Date.now() > deadline) throw new ClusterError(`${what}: not so after ${deadlineMs / 1_000} s${why}`);
    await sleep(300);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A process that has just ended needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function fingerprint({ command, env, restartOn }: Service): string {
  return createHash("sha256")
    .update(JSON.stringify([command, env, restartOn]))
    .digest("hex");
}

function ifAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}
