import { readFile, writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { consoleProgress, type Progress, silentProgress } from "../e2e/progress.ts";
import { benchFailover } from "./failover.ts";
import { failoverCaseNames } from "./failover-cases.ts";
import { renderFailoverPlot } from "./failover-plot.ts";
import { benchGateway } from "./gateway.ts";
import { benchModes } from "./modes.ts";
import { benchModesScale } from "./modes-scale.ts";
import { benchOperator } from "./operator.ts";
import { benchQueue } from "./queue.ts";
import { machine, type Report, type Row, renderTable } from "./report.ts";

const program = new Command("bench").description(
  "Measures one thing on this machine. A missed target is reported, and is no error.",
);

bench("operator", "from apply to Ready, and what an idle operator uses", 3).action((options: Common) =>
  report("operator", options, (progress) => benchOperator(progress, options.runs)),
);

bench(
  "modes-scale",
  "what one operator uses to ask about the capabilities of a thousand StemHubs, with fake targets",
  3,
)
  .option("--stemhubs <n>", "so many of them", count, 1_000)
  .action((options: Common & { stemhubs: number }) =>
    report("modes-scale", options, (progress) => benchModesScale(progress, options)),
  );

bench("modes", "how soon every gateway tells what fails, and what is lost meanwhile", 5).action((options: Common) =>
  report("modes", options, (progress) => benchModes(progress, options.runs)),
);

bench("failover", "how long writes and reads pause when the database breaks, beside plain Patroni", 5)
  .addOption(new Option("--fault <name>", "this fault alone").choices(failoverCaseNames))
  .option("--fresh", "forgets earlier runs; without it, runs that ended are kept in the cache and count again", false)
  .addHelpText(
    "after",
    "\nTwo to four minutes a run and fault. One that was interrupted goes on where it stopped: runs of the same images are reused, and said to be.",
  )
  .action((options: Common & { fault?: string; fresh: boolean }) =>
    report("failover", options, (progress) => benchFailover(progress, { ...options, fault: options.fault })),
  );

bench("queue", "writes that the queue accepts, beside JetStream's own publish, and how fast it drains", 3).action(
  (options: Common) => report("queue", options, (progress) => benchQueue(progress, options.runs)),
);

bench("gateway", "requests through the gateway, beside plain nginx", 10).action((options: Common) =>
  report("gateway", options, (progress) => benchGateway(progress, options.runs)),
);

program
  .command("plot")
  .description("draws what failover printed with --json, as SVG")
  .argument("<json>", "the file that it was printed to")
  .argument("<svg>", "the file to write")
  .action(async (json: string, svg: string) => {
    await writeFile(svg, renderFailoverPlot(JSON.parse(await readFile(json, "utf8")) as Report));
  });

await program.parseAsync();

/** Options that every bench has. */
interface Common {
  readonly runs: number;
  readonly json: boolean;
}

function bench(name: string, description: string, runs: number): Command {
  return program
    .command(name)
    .description(description)
    .option("--runs <n>", "how often what has a spread is repeated", count, runs)
    .option("--json", "print one object and nothing else", false);
}

async function report(name: string, { json }: Common, measure: (progress: Progress) => Promise<Row[]>): Promise<void> {
  const rows = await measure(json ? silentProgress : consoleProgress());
  const told: Report = { bench: name, machine: machine(), rows };
  console.log(json ? JSON.stringify(told, null, 2) : `\n${renderTable(told)}`);
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("A whole number from 1.");
  return value;
}
