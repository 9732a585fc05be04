import { spawn } from "node:child_process";

/** How a program is started. */
export interface CommandOptions {
  readonly deadlineMs?: number;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Called with each piece of output as it comes; what is returned is complete all the same. */
  readonly onOutput?: (text: string) => void;
}

/** What a program left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that ended with another code than 0, or not before its deadline. The message holds its own words. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** Not enumerable: who prints an error has its message, which holds what matters of this. */
  declare readonly result: CommandResult;

  constructor(command: string, why: string, result: CommandResult) {
    const words = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-20).join("\n");
    super(`${command}: ${why}${words === "" ? "" : `\n${words}`}`);
    Object.defineProperty(this, "result", { value: result, enumerable: false });
  }
}

/** How long a program may take unless told otherwise. */
const defaultDeadlineMs = 60_000;

/**
 * Runs a program to its end.
 *
 * Errors: CommandError when it ends with another code than 0 or is killed at its deadline; the error of spawn when it
 * cannot be started at all.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runToEnd(program, args, options);
  if (result.code !== 0) throw new CommandError(commandLine(program, args), `exit code ${result.code}`, result);
  return result;
}

/** Like run, but a code other than 0 is a result and no error. */
export function runToEnd(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.env ? { env: options.env } : {}),
      ...(options.cwd ? { cwd: options.cwd } : {}),
    });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        output[stream] += text;
        options.onOutput?.(text);
      });
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code !== null) resolve({ code, ...output });
      else {
        const why = signal === "SIGKILL" ? `not done after ${deadlineMs / 1_000} s` : `ended by ${signal}`;
        reject(new CommandError(commandLine(program, args), why, { code: 1, ...output }));
      }
    });
    // A program that ends without reading its input closes the pipe: its exit code tells, not this error.
    child.stdin.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") child.kill("SIGKILL");
    });
    child.stdin.end(options.input ?? "");
  });
}

function commandLine(program: string, args: readonly string[]): string {
  return [program.split("/").at(-1), ...args.map((arg) => (arg.length > 120 ? `${arg.slice(0, 120)}…` : arg))].join(
    " ",
  );
}
