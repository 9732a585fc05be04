import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { busyness } from "../operator/runtime/busyness.ts";
import { systemClock } from "../operator/runtime/clock.ts";
import { silentLog } from "../operator/runtime/log.ts";
import { askReads } from "../operator/stemhub/modes/probe/reads.ts";
import { askService } from "../operator/stemhub/modes/probe/service.ts";
import { askStorage } from "../operator/stemhub/modes/probe/storage.ts";
import { type ProbeAim, watchModes } from "../operator/stemhub/modes/watch.ts";
import { openSession } from "../operator/stemhub/postgres/probe/session.ts";
import { watchDatabases } from "../operator/stemhub/postgres/probe/watch.ts";

/** What the bench tells this process, which asks as an operator does and does nothing else. */
export interface ModesOrder {
  readonly stemhubs: number;
  readonly postgresPort: number;
  readonly httpPort: number;
  readonly host: string;
  readonly authority: string;
}

/** What it has used and seen since it was asked last. */
export interface ModesFigures {
  readonly cpuMillicores: number;
  /** Of its time its event loop was not waiting. Near 100 with few millicores the machine has no core to spare. Units: percent. */
  readonly atWorkPercent: number;
  readonly memoryBytes: number;
  readonly probes: number;
  /** How long probes that were due waited for their turn, in ms: of a hundred the 99th, and the longest. */
  readonly waitedMs: { readonly p99: number; readonly max: number };
  readonly loopDelayMs: { readonly p99: number; readonly max: number };
  /** StemHubs whose services are known to fail. */
  readonly told: number;
  /** StemHubs whose database has not answered a write for 2.5 s. */
  readonly silent: number;
}

const key = (index: number) => ({ namespace: "music", name: `studio-${index}` });

function start({ stemhubs, postgresPort, httpPort, host, authority }: ModesOrder): () => ModesFigures {
  const { signal } = new AbortController();
  const shared = { clock: systemClock, log: silentLog, signal };
  const databases = watchDatabases(shared);
  let waits: number[] = [];
  const watch = watchModes({
    ...shared,
    busyness: busyness(systemClock),
    measured: (_probe, _seconds, waited) => waits.push(waited * 1_000),
  });
  const login = { user: "stemhub_probe", password: "secret" };
  const address = { ip: "127.0.0.1", port: postgresPort, host, authority };
  const url = `http://127.0.0.1:${httpPort}`;
  const access = async () => ({ accessKeyId: "id", secretAccessKey: "secret", authority: undefined });
  const every = (probe: string, seconds: number, open: ProbeAim["open"]): ProbeAim => ({
    ...{ probe, about: probe, periodMs: seconds * 1_000, timeoutMs: 2_000, failures: 3, open },
  });
  for (let index = 0; index < stemhubs; index += 1) {
    const members = [0, 1, 2].map((ordinal) => {
      const pod = `studio-${index}-db-${ordinal}`;
      return { pod, uid: pod, address };
    });
    const [primary] = members;
    if (!primary) continue;
    const bounds = {
      volumePercents: [],
      connectionPercents: [],
      transactionSeconds: 900,
      silenceMs: [1_500, 2_500],
      archiveLagSeconds: [],
    };
    // As they would come after a start: pass by pass, and not all in one moment.
    setTimeout(() => {
      databases.aim(key(index), { primary, members, login, archives: false }, bounds);
      const path = { name: "studio-db", open: (deadlineMs: number) => openSession(address, login, deadlineMs) };
      const bucket = { endpoint: url, bucket: "stems", region: "auto", key: `.stemhub/canary/${index}`, access };
      watch.aim(key(index), [
        { ...every("reads", 2, () => askReads([path])), timeoutMs: 1_000 },
        every("storage", 10, () => askStorage(bucket)),
        every("auth", 5, () => askService({ question: "auth", url })),
        every("collaboration", 5, () => askService({ question: "collaboration", url })),
      ]);
    }, index * 15);
  }
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let [cpu, at, loop] = [process.cpuUsage(), performance.now(), performance.eventLoopUtilization()];
  return () => {
    const used = process.cpuUsage(cpu);
    const sorted = waits.sort((a, b) => a - b);
    const all = Array.from({ length: stemhubs }, (_, index) => key(index));
    const figures: ModesFigures = {
      cpuMillicores: (used.user + used.system) / (performance.now() - at),
      atWorkPercent: performance.eventLoopUtilization(loop).utilization * 100,
      memoryBytes: process.memoryUsage().rss,
      probes: sorted.length,
      waitedMs: { p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0, max: sorted.at(-1) ?? 0 },
      loopDelayMs: { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
      told: all.filter((one) => {
        const evidence = watch.evidenceOf(one, "auth");
        return evidence.state === "failing" && evidence.failures >= 3;
      }).length,
      silent: all.filter((one) => (databases.writesOf(one)?.silentMs ?? 0) > 2_500).length,
    };
    waits = [];
    delay.reset();
    [cpu, at, loop] = [process.cpuUsage(), performance.now(), performance.eventLoopUtilization()];
    return figures;
  };
}

let look: (() => ModesFigures) | undefined;
process.on("message", (order: ModesOrder | "look") => {
  if (order !== "look") look = start(order);
  else if (look) process.send?.(look());
});
process.on("disconnect", () => process.exit(0));
