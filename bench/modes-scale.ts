import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Progress } from "../e2e/progress.ts";
import { createAuthority, issueCertificate } from "../operator/stemhub/pki/certificates.ts";
import type { ModesFigures, ModesOrder } from "./modes-operator.ts";
import { startTargets } from "./modes-targets.ts";
import { type Row, row } from "./report.ts";

/**
 * One operator's process, and what it must leave of a core for passes. Of memory most is TLS: five sessions a StemHub, with its
 * three members.
 */
const targets = { cpuMillicores: 1_000, memoryMegabytes: 1_000, waitedMs: 1_000, toldSeconds: 20 } as const;

/** Everybody is asked within half a minute after a start; then all is as it stays. */
const settleMs = 30_000;
const sliceMs = 15_000;
/** Until all are known to fail: the period, three deadlines, and a second between them; with waits for a turn. */
const mostToldMs = 60_000;

/**
 * What it costs to ask about the capabilities of many StemHubs, all well; and how long it takes until all are known to fail when
 * storage, auth and collaboration of all of them hang at once. Needs no cluster: targets are fakes in this process, with real
 * connections, and the probes are the operator's own, in a process of their own. Both take about the same, so at a thousand two
 * cores must have nothing else to do: where targets answer late, they are called silent.
 *
 * Units: millicores and MB (10^6 bytes) of the asking process.
 */
export async function benchModesScale(progress: Progress, options: { runs: number; stemhubs: number }): Promise<Row[]> {
  const now = Date.now();
  const authority = await createAuthority("bench", now);
  const host = "studio-db.music.svc";
  const certificate = await issueCertificate(authority, [host], { now, lifetimeMs: 3_600_000 });
  const fakes = await startTargets(certificate);
  const child = fork(new URL("modes-operator.ts", import.meta.url), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const look = async () => {
    child.send("look");
    const [figures] = (await once(child, "message")) as [ModesFigures];
    return figures;
  };
  try {
    const { stemhubs, runs } = options;
    const { postgresPort, httpPort } = fakes;
    child.send({ stemhubs, postgresPort, httpPort, host, authority: authority.certificate } satisfies ModesOrder);
    await progress.step(`${stemhubs} StemHubs are taken up`, () => sleep(settleMs + stemhubs * 15));
    const calm: ModesFigures[] = [];
    await look();
    for (let run = 1; run <= runs; run += 1) {
      await progress.step(`slice ${run} of ${runs}, all well`, () => sleep(sliceMs));
      calm.push(await look());
    }
    fakes.hang(true);
    const began = performance.now();
    const { told, toldSeconds } = await progress.step("storage and services of all hang", async () => {
      const seen: ModesFigures[] = [];
      while (performance.now() - began < mostToldMs && (seen.at(-1)?.told ?? 0) < stemhubs) {
        await sleep(1_000);
        seen.push(await look());
      }
      return { told: seen, toldSeconds: (performance.now() - began) / 1_000 };
    });
    return rows(stemhubs, calm, told, toldSeconds);
  } finally {
    child.kill();
    fakes.close();
  }
}

function rows(stemhubs: number, calm: ModesFigures[], hanging: ModesFigures[], toldSeconds: number): Row[] {
  const of = (all: ModesFigures[], value: (figures: ModesFigures) => number) => all.map(value);
  const named = (figure: string) => `${figure}, ${stemhubs} StemHubs`;
  const { cpuMillicores, memoryMegabytes, waitedMs } = targets;
  return [
    row(
      named("CPU, all well"),
      "millicores",
      of(calm, (f) => f.cpuMillicores),
      { target: cpuMillicores },
    ),
    row(
      named("event loop at work, all well"),
      "%",
      of(calm, (f) => f.atWorkPercent),
    ),
    row(
      named("memory, all well"),
      "MB",
      of(calm, (f) => f.memoryBytes / 1e6),
      { target: memoryMegabytes },
    ),
    row(
      named("probes beside database writes, all well"),
      "a second",
      of(calm, (f) => f.probes / (sliceMs / 1_000)),
    ),
    row(
      named("wait for a turn, p99, all well"),
      "ms",
      of(calm, (f) => f.waitedMs.p99),
      { target: waitedMs },
    ),
    row(
      named("event loop's delay, p99, all well"),
      "ms",
      of(calm, (f) => f.loopDelayMs.p99),
    ),
    row(
      named("databases called silent that are not"),
      "StemHubs",
      of(calm, (f) => f.silent),
      { target: 0 },
    ),
    row(
      named("CPU, services hang"),
      "millicores",
      of(hanging, (f) => f.cpuMillicores),
      { target: cpuMillicores },
    ),
    row(
      named("databases called silent while services hang"),
      "StemHubs",
      of(hanging, (f) => f.silent),
      { target: 0 },
    ),
    row(named("until all services are known to fail"), "s", [toldSeconds], { target: targets.toldSeconds }),
  ];
}
