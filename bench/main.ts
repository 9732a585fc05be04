import { Command, InvalidArgumentError } from "commander";
import { consoleProgress, silentProgress } from "../e2e/progress.ts";
import { benchOperator } from "./operator.ts";
import { machine, type Report, renderTable } from "./report.ts";

/** Every bench by the name it is called by. */
const benches = { operator: benchOperator } as const;

const command = new Command("bench")
  .description("Measures one thing on this machine. A missed target is reported, and is no error.")
  .argument("<name>", `one of: ${Object.keys(benches).join(", ")}`)
  .option("--runs <n>", "how often what has a spread is repeated", count, 3)
  .option("--json", "print one object and nothing else", false)
  .parse();
const name = command.args[0] ?? "";
if (!isBench(name)) command.error(`there is no bench ${name}; one of: ${Object.keys(benches).join(", ")}`);
else {
  const { runs, json } = command.opts<{ runs: number; json: boolean }>();
  const rows = await benches[name](json ? silentProgress : consoleProgress(), runs);
  const report: Report = { bench: name, machine: machine(), rows };
  console.log(json ? JSON.stringify(report, null, 2) : `\n${renderTable(report)}`);
}

function isBench(text: string): text is keyof typeof benches {
  return Object.hasOwn(benches, text);
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("A whole number from 1.");
  return value;
}
