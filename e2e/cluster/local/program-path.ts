import { join } from "node:path";
import { consoleProgress } from "../../progress.ts";
import { clusterPrograms, type ProgramName } from "./program-table.ts";
import { ensurePrograms } from "./programs.ts";

/**
 * Prints the path of a program of the local cluster, built first where it is missing: for scripts that are not ours.
 * Progress goes to standard error, so that the path is all there is on standard output.
 */
const name = clusterPrograms.find((known) => known === process.argv[2]);
if (name === undefined) {
  console.error(`usage: program-path.ts NAME, with a name of: ${clusterPrograms.join(", ")}`);
  process.exit(2);
}
const progress = consoleProgress({
  write: (text) => process.stderr.write(text),
  interactive: false,
  now: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
});
console.log(join(await ensurePrograms([name satisfies ProgramName], progress), name));
