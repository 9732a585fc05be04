import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { stringify } from "yaml";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { CommandError, type CommandResult, run, runToEnd } from "./command.ts";
import { Reads } from "./reads.ts";

/** Where a kubectl looks: which program, which cluster. */
export interface KubectlTarget {
  readonly program: string;
  readonly kubeconfig: string;
}

/** What a condition is waited for by: how `kubectl wait --for` writes it. */
export type WaitFor = `condition=${string}` | `jsonpath=${string}` | "delete" | "create";

/**
 * kubectl in one namespace, as a person would use it. What it does is what the tests prove: they change the cluster no
 * other way than users do. Objects and logs alone are read without the program, for its cost.
 */
export class Kubectl {
  readonly target: KubectlTarget;
  readonly namespace: string;
  readonly #reads: Reads;

  constructor(target: KubectlTarget, namespace = "default", reads = new Reads(target.kubeconfig)) {
    this.target = target;
    this.namespace = namespace;
    this.#reads = reads;
  }

  /** The same cluster, another namespace. */
  in(namespace: string): Kubectl {
    return new Kubectl(this.target, namespace, this.#reads);
  }

  /** Any command; returns what it printed. Errors: CommandError with kubectl's own words. */
  async run(args: readonly string[], options: { input?: string; deadlineMs?: number } = {}): Promise<string> {
    return (await run(this.target.program, this.#args(args), options)).stdout;
  }

  /** Any command whose failure is a result. */
  attempt(args: readonly string[], options: { input?: string; deadlineMs?: number } = {}): Promise<CommandResult> {
    return runToEnd(this.target.program, this.#args(args), options);
  }

  /** Applies objects server-side, as Argo CD and Flux do. */
  async apply(...objects: readonly object[]): Promise<void> {
    await this.run(["apply", "--server-side", "--force-conflicts", "-f", "-"], { input: documents(objects) });
  }

  /** Applies what must be refused; returns the API server's sentence. Errors: when it is accepted. */
  async refused(...objects: readonly object[]): Promise<string> {
    const result = await this.attempt(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
      input: documents(objects),
    });
    if (result.code === 0) throw new Error(`accepted, and should have been refused:\n${documents(objects)}`);
    return result.stderr;
  }

  /** One object (`stemhub/studio`), or undefined where there is none. */
  find(name: string): Promise<KubeObject | undefined> {
    return this.#reads.find(this.namespace, name);
  }

  /** One object that must be there. */
  async get(name: string): Promise<KubeObject> {
    const found = await this.find(name);
    if (!found) throw new Error(`${name} is not in namespace ${this.namespace}`);
    return found;
  }

  /** All of a kind (`pods`), by labels where given. */
  list(kind: string, selector?: string): Promise<KubeObject[]> {
    return this.#reads.list(this.namespace, kind, selector);
  }

  /** `kubectl wait`; a selector (`-l app=x`) may stand in the name. Errors: CommandError when the deadline passes. */
  async wait(name: string, waitFor: WaitFor, deadlineMs: number): Promise<void> {
    await this.run(["wait", ...name.split(" "), `--for=${waitFor}`, `--timeout=${Math.ceil(deadlineMs / 1_000)}s`], {
      deadlineMs: deadlineMs + 10_000,
    });
  }

  /** A merge patch of spec, metadata or whatever is given. */
  async patch(name: string, body: object): Promise<void> {
    await this.run(["patch", name, "--type=merge", "-p", JSON.stringify(body)]);
  }

  /** Deletes; waits for the end only when told to. An object that is not there is no error. */
  async delete(name: string, options: { wait?: boolean; deadlineMs?: number; force?: boolean } = {}): Promise<void> {
    const flags = ["--ignore-not-found", `--wait=${options.wait === true}`];
    if (options.force) flags.push("--force", "--grace-period=0");
    await this.run(["delete", ...name.split(" "), ...flags], { deadlineMs: options.deadlineMs ?? 120_000 });
  }

  /** What a pod of one container printed, up to its newest 100,000 lines. */
  logs(pod: string): Promise<string> {
    return this.#reads.logs(this.namespace, pod);
  }

  /** Runs a command in a pod; `pod` may be followed by `-c NAME`. */
  exec(
    pod: string,
    command: readonly string[],
    options: { input?: string; deadlineMs?: number } = {},
  ): Promise<string> {
    const stdin = options.input === undefined ? [] : ["-i"];
    return this.run(["exec", ...stdin, ...pod.split(" "), "--", ...command], options);
  }

  /** Values of an object's Secret data, decoded. */
  async secret(name: string): Promise<Record<string, string>> {
    const data = ((await this.get(`secret/${name}`)).data ?? {}) as Record<string, string>;
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
    );
  }

  /**
   * Opens a port of this machine onto one of a pod or Service, until `close`. Each connection goes to one pod that was
   * chosen now: it says nothing about balancing.
   */
  async portForward(name: string, port: number): Promise<{ readonly port: number; close(): void }> {
    const child = spawn(this.target.program, this.#args(["port-forward", "--address=127.0.0.1", name, `:${port}`]), {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const local = await forwardedPort(child, `port-forward ${name} ${port}`);
    return { port: local, close: () => child.kill("SIGTERM") };
  }

  #args(args: readonly string[]): string[] {
    return ["--kubeconfig", this.target.kubeconfig, "--namespace", this.namespace, ...args];
  }
}

/** Longer than a busy kubelet takes to open a stream. */
const forwardDeadlineMs = 20_000;

async function forwardedPort(child: ChildProcess, command: string): Promise<number> {
  let stdout = "";
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const signal = AbortSignal.timeout(forwardDeadlineMs);
  const found = new Promise<number>((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(stdout)?.[1];
      if (port) resolve(Number(port));
    });
  });
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new CommandError(command, `exit code ${code}`, { code: Number(code), stdout, stderr });
  });
  try {
    return await Promise.race([found, ended]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

function documents(objects: readonly object[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join("---\n");
}
