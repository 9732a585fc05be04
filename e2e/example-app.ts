import { fileURLToPath } from "node:url";
import { type Count, countPytest } from "./counting.ts";
import { runToEnd } from "./support/command.ts";

const suite = fileURLToPath(new URL("../examples/app/test", import.meta.url));

/** It makes its own Python environment and servers the first time. */
const deadlineMs = 15 * 60_000;

/** Runs the example app's own suite, printed as it goes. Errors: Error when pytest did not get to its closing line. */
export async function testExampleApp(): Promise<Count> {
  const { code, stdout } = await runToEnd(suite, [], { deadlineMs, onOutput: (text) => process.stdout.write(text) });
  const count = countPytest(stdout);
  return code === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}
