import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Kubectl } from "./kubectl.ts";

/** A `kubectl get --watch` whose lines are told as they come. */
export interface LineWatch {
  /** Ends it. */
  stop(): Promise<void>;
}

/** Watches with kubectl, one line an event, each with the moment (ms of this machine's clock) at which it was read. */
export function watchLines(
  kubectl: Kubectl,
  args: readonly string[],
  onLine: (line: string, atMs: number) => void,
): LineWatch {
  const { program, kubeconfig } = kubectl.target;
  const child: ChildProcess = spawn(
    program,
    ["--kubeconfig", kubeconfig, "--namespace", kubectl.namespace, "get", ...args, "--watch"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  if (!child.stdout) throw new Error("kubectl was started without a pipe");
  createInterface({ input: child.stdout }).on("line", (line) => onLine(line, performance.now()));
  const exited = once(child, "exit");
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** The first moment at which each of some things was seen. */
export class Firsts {
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();

  /** Told as often as it is seen; only the first time counts. */
  saw(what: string, atMs: number): void {
    if (this.#seen.has(what)) return;
    this.#seen.set(what, atMs);
    this.#waiting.get(what)?.();
  }

  /** When it was first seen, in ms after `beganMs`. Errors: Error when it was not. */
  after(beganMs: number, what: string): number {
    const at = this.#seen.get(what);
    if (at === undefined) throw new Error(`${what} was never seen`);
    return at - beganMs;
  }

  /** Resolves when it has been seen. Errors: Error when that has not happened before the deadline. */
  async reached(what: string, deadlineMs: number): Promise<void> {
    if (this.#seen.has(what)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} not seen after ${deadlineMs / 1_000} s`)), deadlineMs);
      this.#waiting.set(what, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
