import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheDirectory } from "../e2e/cluster/cache.ts";
import { type Environment, prepare } from "../e2e/environment.ts";
import type { Progress } from "../e2e/progress.ts";
import { loadProgram } from "../e2e/support/database-load.ts";
import { privilegedNamespace } from "../e2e/support/node-process.ts";
import { patientProgram } from "../e2e/support/patient-reads.ts";
import { type Contender, patroniContender, stemHubContender } from "./contender.ts";
import { type FailoverCase, failoverCases } from "./failover-cases.ts";
import { type FailoverRun, failoverRows } from "./failover-rows.ts";
import { type Measured, measureFailover } from "./failover-run.ts";
import { KeptRuns } from "./kept-runs.ts";
import { plainPatroni } from "./patroni.ts";
import { machine, type Row } from "./report.ts";

/** What is asked of this bench. */
export interface FailoverOptions {
  readonly runs: number;
  /** One of failoverCaseNames; all where it is not given. */
  readonly fault: string | undefined;
  /** Forgets the runs of earlier calls. */
  readonly fresh: boolean;
}

const namespaces = { ours: "bench-failover", peer: "bench-failover-peer", nodes: "bench-failover-nodes" } as const;

/**
 * How long an app is without its database when something breaks: a writer's and a reader's longest silence, the time to
 * full redundancy, and acknowledged rows that are gone; a StemHub through NAME-db, and plain Patroni through its Service of the primary, in turn in each run.
 * Needs no cluster beforehand: it brings one up.
 *
 * Each fault comes once a round, so that a minute in which the machine was busy is not one fault's alone. Finished runs are kept: what was interrupted goes on
 * where it stopped. Both databases are made at the beginning, and removed at the end, also after an error.
 *
 * Units: seconds of the clock of the pod that writes or reads.
 */
export async function benchFailover(progress: Progress, options: FailoverOptions): Promise<Row[]> {
  const environment = await prepare(progress);
  const cases = failoverCases(environment.cluster, options.fault);
  const kept = new KeptRuns<FailoverRun>(join(cacheDirectory(), "bench", "failover.jsonl"), setting(environment));
  if (options.fresh) await kept.forget();
  const runs = new Map<FailoverCase, FailoverRun[]>();
  for (const one of cases) {
    const known = await kept.of(one.name, options.runs);
    if (known.length > 0)
      progress.say(`${one.name}: ${known.length} of ${options.runs} runs are there, the last of ${known.at(-1)?.at}`);
    runs.set(
      one,
      known.map(({ result }) => result),
    );
  }
  if ([...runs.values()].some(({ length }) => length < options.runs)) {
    await measureMissing(progress, environment, { runs, wanted: options.runs, kept });
  }
  return [...runs].flatMap(([one, measured]) => failoverRows(one, measured));
}

async function measureMissing(
  progress: Progress,
  environment: Environment,
  {
    runs,
    wanted,
    kept,
  }: { readonly runs: Map<FailoverCase, FailoverRun[]>; readonly wanted: number; readonly kept: KeptRuns<FailoverRun> },
): Promise<void> {
  const { kubectl } = environment;
  try {
    const nodes = await privilegedNamespace(kubectl, namespaces.nodes);
    const ours = await progress.step("A StemHub", () => stemHubContender(environment, namespaces.ours, nodes));
    const peer = await progress.step("Plain Patroni", () => patroniContender(environment, namespaces.peer, nodes));
    for (let round = 1; round <= wanted; round += 1) {
      for (const [one, measured] of runs) {
        if (measured.length >= round) continue;
        const title = `${one.name}, run ${round} of ${wanted}`;
        const run = {
          ours: await once(progress, title, ours, one),
          peer: one.withPeer ? await once(progress, title, peer, one) : null,
        };
        await kept.keep(one.name, run);
        measured.push(run);
      }
    }
  } finally {
    for (const namespace of Object.values(namespaces)) await kubectl.delete(`namespace/${namespace}`, { wait: true });
  }
}

async function once(progress: Progress, title: string, contender: Contender, one: FailoverCase): Promise<Measured> {
  return progress.step(`${title}: ${contender.name}`, async (inner) => {
    const measured = await measureFailover(contender, one);
    inner.say(describe(measured));
    return measured;
  });
}

function describe({
  writeGapSeconds,
  readGapSeconds,
  wholeSeconds,
  acknowledgedRows,
  lostRows,
  reads,
}: Measured): string {
  return [
    `write gap ${writeGapSeconds.toFixed(1)} s`,
    `read gap ${readGapSeconds.toFixed(1)} s`,
    wholeSeconds === null ? "not whole again in time" : `three in sync after ${wholeSeconds.toFixed(0)} s`,
    `${lostRows} of ${acknowledgedRows} rows lost`,
    ...(reads ? [`${reads.failed} of ${reads.of} reads failed`] : []),
  ].join(", ");
}

/** Whatever figures depend on: images (the operator's has the proxies' configuration), peer, load and machine. */
function setting({ images, cluster }: Environment): string {
  const programs = JSON.stringify([plainPatroni("", images.postgres), loadProgram, patientProgram]);
  const hash = createHash("sha256").update(programs).digest("hex").slice(0, 12);
  return [images.operator, images.postgres, images["database-proxy"], hash, cluster.provider, machine()].join(" ");
}
