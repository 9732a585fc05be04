import { join } from "node:path";
import type { Progress } from "../../progress.ts";
import { run } from "../../support/command.ts";
import { ClusterError } from "../cluster.ts";
import type { ProgramModule } from "./program-table.ts";

/** Kubernetes alone took 7 minutes on two busy cores. */
const buildDeadlineMs = 60 * 60_000;
const fetchDeadlineMs = 30 * 60_000;

/** Where the Go archive is unpacked by those who follow its instructions, and no PATH names it. */
const usualGo = "/usr/local/go/bin";

const goEnv = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ""}:${usualGo}`,
  CGO_ENABLED: "0",
  GOFLAGS: "-buildvcs=false",
});

/**
 * Downloads the modules that these packages are made of: only those, where `go mod download` takes all that go.mod names.
 * Errors: ClusterError when Go 1.26 or later is missing.
 */
export async function fetchSources(source: string, module: ProgramModule): Promise<void> {
  await requireGo(source);
  await run("go", ["list", "-mod=readonly", "-deps", "-f", "{{.Name}}", ...Object.keys(module.binaries)], {
    cwd: source,
    env: goEnv(),
    deadlineMs: fetchDeadlineMs,
  });
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
      "the local cluster's programs are built with Go 1.26 or later: install it from https://go.dev/dl/ " +
        `(${error instanceof Error ? error.message : String(error)})`,
    );
  }
}
