import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "../../../operator/runtime/backoff.ts";
import type { Progress } from "../../progress.ts";
import { CommandError, run } from "../../support/command.ts";
import { ClusterError } from "../cluster.ts";
import type { ProgramModule } from "./program-table.ts";

/** Kubernetes alone took 7 minutes on two busy cores. */
const buildDeadlineMs = 60 * 60_000;
const fetchDeadlineMs = 30 * 60_000;

/** Unlike apt, npm and pip, go gives up at a proxy's first error. What has been downloaded stays. */
const fetchAttempts = 6;
const fetchBackoff = { minMs: 3_000, maxMs: 60_000 };

/** Where the Go archive is unpacked by those who follow its instructions, and no PATH names it. */
const usualGo = "/usr/local/go/bin";

const goEnv = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ""}:${usualGo}`,
  CGO_ENABLED: "0",
  GOFLAGS: "-buildvcs=false",
  // The compiler itself is a Go program: memory for less collecting.
  GOGC: "400",
});

/**
 * Downloads the modules that these packages are made of: only those, where `go mod download` takes all that go.mod names.
 * A failed download is tried again, a bounded number of times.
 *
 * Errors: ClusterError when Go 1.26.8 or later is missing; CommandError with go's words of the last attempt.
 */
export async function fetchSources(source: string, module: ProgramModule, progress: Progress): Promise<void> {
  await requireGo(source);
  const args = ["list", "-mod=readonly", "-deps", "-f", "{{.Name}}", ...Object.keys(module.binaries)];
  for (let attempt = 1; ; attempt++) {
    try {
      await run("go", args, { cwd: source, env: goEnv(), deadlineMs: fetchDeadlineMs });
      return;
    } catch (error) {
      if (!(error instanceof CommandError) || attempt === fetchAttempts) throw error;
      progress.note(`download of ${module.folder} failed (attempt ${attempt} of ${fetchAttempts}): ${error.message}`);
      await sleep(backoffMs(attempt, fetchBackoff));
    }
  }
}

/** Compiles some of a module's binaries into a directory, from exactly what go.sum names. */
export async function buildGo(
  source: string,
  module: ProgramModule,
  names: readonly string[],
  into: string,
  progress: Progress,
): Promise<void> {
  const chosen = Object.entries(module.binaries).filter(([, name]) => names.includes(name));
  const variables = Object.entries(module.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const flags = ["-mod=readonly", "-trimpath", "-ldflags", ["-s", "-w", ...variables].join(" "), "-v"];
  // Into a directory go names each binary after its package's folder; a single one can be named.
  const [single] = chosen.length === 1 ? chosen : [];
  const output = single ? join(into, single[1]) : `${into}/`;
  let packages = 0;
  await run("go", ["build", ...flags, "-o", output, ...chosen.map(([path]) => path)], {
    cwd: source,
    env: goEnv(),
    deadlineMs: buildDeadlineMs,
    onOutput: (text) => {
      packages += text.split("\n").length - 1;
      progress.note(`${packages} packages compiled`);
    },
  });
}

async function requireGo(source: string): Promise<void> {
  try {
    // Inside the module: an older go fetches the one that go.mod asks for, unless it is told not to (GOTOOLCHAIN).
    await run("go", ["env", "GOVERSION"], { cwd: source, env: goEnv(), deadlineMs: 10 * 60_000 });
  } catch (error) {
    throw new ClusterError(
      "the local cluster's programs are built with Go 1.26.8 or later: install it from https://go.dev/dl/ " +
        `(${error instanceof Error ? error.message : String(error)})`,
    );
  }
}
