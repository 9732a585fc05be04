import { type Environment, prepare } from "../e2e/environment.ts";
import type { Progress } from "../e2e/progress.ts";
import { quickstart, quickstartSecrets } from "../e2e/quickstart.ts";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import { namespaceFor } from "../e2e/support/namespace.ts";
import { Firsts, watchLines } from "../e2e/support/timeline.ts";
import { type IdleFigures, measureIdle } from "./idle.ts";
import { plainPatroni } from "./patroni.ts";
import { type Row, row } from "./report.ts";

/** What the issue asks for. */
const targets = { memoryMegabytes: 120, cpuMillicores: 6, readySeconds: 30 } as const;

/** Five minutes of idleness, in slices whose spread says how steady it is. */
const idle = { slices: 5, sliceMs: 60_000, settleMs: 30_000 } as const;

/** Longer than any run that is worth a figure. */
const readyDeadlineMs = 180_000;

/** From apply to Ready, in the order in which they come about, and what each is held against. */
const steps: readonly { readonly seen: string; readonly target?: number; readonly likePatroni?: true }[] = [
  { seen: "passwords generated" },
  { seen: "DatabaseAvailable" },
  { seen: "DatabaseRedundant", likePatroni: true },
  { seen: "AppAvailable" },
  { seen: "Ready", likePatroni: true, target: targets.readySeconds },
];

/**
 * How long examples/quickstart.yaml (three instances) takes from `kubectl apply` to Ready, against plain Patroni in the same run,
 * and what the operator uses while nothing happens. Needs no cluster beforehand: it brings one up.
 *
 * Units: seconds by this machine's clock from before the apply; memory in MB of 10^6 bytes; requests over 5 minutes.
 */
export async function benchOperator(progress: Progress, runs: number): Promise<Row[]> {
  const environment = await prepare(progress);
  const { kubectl, images } = environment;
  const ours: Map<string, number[]> = new Map(steps.map(({ seen }) => [seen, []]));
  const peers: number[] = [];
  let idleFigures: IdleFigures | undefined;
  for (let run = 1; run <= runs; run += 1) {
    await progress.step(`run ${run} of ${runs}: plain Patroni`, async () => {
      peers.push(await timePatroni(await namespaceFor(kubectl, "bench-peer", { fresh: true }), images.postgres));
      await kubectl.delete("namespace/bench-peer", { wait: true });
    });
    await progress.step(`run ${run} of ${runs}: a StemHub`, async () => {
      const studio = await namespaceFor(kubectl, "bench-operator", { fresh: true, bound: true });
      for (const [seen, seconds] of await timeStemHub(studio, environment)) ours.get(seen)?.push(seconds);
    });
    if (run === runs) {
      idleFigures = await progress.step("5 minutes of idleness", () => settleAndMeasure(kubectl.in("stemhub-system")));
    }
    await kubectl.delete("namespace/bench-operator", { wait: true });
  }
  if (!idleFigures) throw new RangeError("a bench needs one run at least");
  return [...readyRows(ours, peers), ...idleRows(idleFigures)];
}

function readyRows(ours: ReadonlyMap<string, readonly number[]>, peers: readonly number[]): Row[] {
  const peer = { name: "plain Patroni, same image", values: peers };
  return steps.map(({ seen, target, likePatroni }) =>
    row(`apply to ${seen}, three instances`, "s", ours.get(seen) ?? [], {
      ...(target === undefined ? {} : { target }),
      ...(likePatroni ? { peer } : {}),
    }),
  );
}

function idleRows({ slices, requests }: IdleFigures): Row[] {
  const memory = slices.map(({ memoryBytes }) => memoryBytes / 1e6);
  const cpu = slices.map(({ cpuMillicores }) => cpuMillicores);
  return [
    row("leader's memory, idle with one StemHub", "MB", memory, { target: targets.memoryMegabytes }),
    row("leader's CPU, idle with one StemHub", "millicores", cpu, { target: targets.cpuMillicores }),
    ...[...requests]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([method, count]) =>
        row(`${method} requests to the API server in 5 minutes, both replicas`, "requests", [count]),
      ),
  ];
}

async function settleAndMeasure(system: Kubectl): Promise<IdleFigures> {
  await new Promise((resolve) => setTimeout(resolve, idle.settleMs));
  return measureIdle(system, idle);
}

async function timeStemHub(kubectl: Kubectl, environment: Environment): Promise<[string, number][]> {
  const name = "studio";
  const firsts = new Firsts();
  // Not with {range}: kubectl's watch prints nothing more after the first object that has no status.
  const conditions = `jsonpath={.status.conditions[?(@.status=="True")].type}{"\\n"}`;
  const watches = [
    watchLines(kubectl, ["secrets", "-o", "name"], (line, atMs) => {
      if (line === `secret/${name}-db-app`) firsts.saw("passwords generated", atMs);
    }),
    watchLines(kubectl, ["stemhubs", "-o", conditions], (line, atMs) => {
      for (const condition of line.trim().split(" ")) firsts.saw(condition, atMs);
    }),
  ];
  try {
    await quickstartSecrets(kubectl, environment);
    const objects = await quickstart(environment);
    const began = performance.now();
    await kubectl.apply(...objects);
    await firsts.reached("Ready", readyDeadlineMs);
    return steps.map(({ seen }) => [seen, firsts.after(began, seen) / 1_000]);
  } finally {
    for (const watch of watches) await watch.stop();
  }
}

/** Until all three are ready: a member is, when it follows or leads. */
async function timePatroni(kubectl: Kubectl, image: string): Promise<number> {
  const began = performance.now();
  await kubectl.apply(...plainPatroni(kubectl.namespace, image));
  await kubectl.wait("statefulset/peer", "jsonpath={.status.readyReplicas}=3", readyDeadlineMs);
  return (performance.now() - began) / 1_000;
}
