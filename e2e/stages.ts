import { type Count, closingLine, total } from "./counting.ts";

/** One part of a run of all tests. */
export interface Stage {
  readonly name: string;
  /** Stages without which this one cannot run. */
  readonly needs?: readonly string[];
  /** Errors: whatever keeps it from being counted; it is told, and counts as one failure. */
  run(): Promise<Count>;
}

/** What became of one stage. */
export interface StageResult {
  readonly name: string;
  readonly count: Count;
  readonly seconds: number;
  /** Why it could not run to its end. */
  readonly trouble?: string;
}

/** What a run tells while it lasts. */
export interface StageOutput {
  say(line: string): void;
  now(): number;
}

/**
 * Runs stages one after the other; those of an inner list beside each other, since most of them wait more than they work.
 * One that fails does not keep others from running, unless they need it: what is known at the end should be as much as
 * possible. A stage that could not run counts as one failure, never as nothing.
 */
export async function runStages(
  stages: readonly (Stage | readonly Stage[])[],
  output: StageOutput,
): Promise<StageResult[]> {
  const results: StageResult[] = [];
  for (const turn of stages) {
    const before = [...results];
    results.push(...(await Promise.all([turn].flat().map((stage) => runStage(stage, before, output)))));
  }
  return results;
}

async function runStage(stage: Stage, before: readonly StageResult[], output: StageOutput): Promise<StageResult> {
  const { name, needs = [] } = stage;
  const missing = needs.filter((need) => !before.some((one) => one.name === need && one.count.failed === 0));
  output.say(`\n=== ${name}`);
  const began = output.now();
  const { count, trouble } = await attempt(stage, missing);
  const seconds = (output.now() - began) / 1_000;
  if (trouble !== undefined) output.say(`${name} could not run: ${trouble}`);
  return { name, count, seconds, ...(trouble === undefined ? {} : { trouble }) };
}

/** A line for each stage, and the closing line. */
export function summary(results: readonly StageResult[]): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.map(({ name, count, seconds, trouble }) => {
    // Whole: the first line of a command's error rarely tells why, and what was said above may be far away.
    const said = trouble === undefined ? "" : `  (could not run: ${trouble.split("\n").join("\n    ")})`;
    return `${name.padEnd(width)}  ${closingLine(count)}  ${Math.round(seconds)} s${said}`;
  });
  return ["", ...lines, closingLine(total(results.map(({ count }) => count)))].join("\n");
}

async function attempt(stage: Stage, missing: readonly string[]): Promise<{ count: Count; trouble?: string }> {
  const failure = { passed: 0, failed: 1 };
  if (missing.length > 0) return { count: failure, trouble: `it needs ${missing.join(" and ")}` };
  try {
    return { count: await stage.run() };
  } catch (error) {
    return { count: failure, trouble: error instanceof Error ? error.message : String(error) };
  }
}
