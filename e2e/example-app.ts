import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Count, countPytest, countVitest, total } from "./counting.ts";
import { runToEnd } from "./support/command.ts";

const app = fileURLToPath(new URL("../examples/app", import.meta.url));

/** They make their own environments and servers the first time. */
const deadlineMs = 15 * 60_000;

/**
 * Runs the example app's own suites beside each other. Errors: Error when pytest did not get to its closing line; ENOENT
 * when a suite of Vitest's left no report.
 */
export async function testExampleApp(): Promise<Count> {
  return total(await Promise.all([testPythonServices(), testByVitest("collaboration"), testByVitest("web")]));
}

/** Printed as it goes: it takes longest. */
async function testPythonServices(): Promise<Count> {
  const { code, stdout } = await runToEnd(join(app, "test"), [], {
    deadlineMs,
    onOutput: (text) => process.stdout.write(text),
  });
  return orFailed(code, countPytest(stdout));
}

/** Printed when it has ended, or its lines would mix with the others'. */
async function testByVitest(part: "collaboration" | "web"): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), `stemhub-${part}-`));
  const report = join(folder, "report.json");
  try {
    const args = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
    const { code, stdout, stderr } = await runToEnd(join(app, part, "test"), args, { deadlineMs });
    process.stdout.write(stdout + stderr);
    return orFailed(code, countVitest(await readFile(report, "utf8")));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A suite may end with an error outside of any test. */
function orFailed(code: number, count: Count): Count {
  return code === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}
