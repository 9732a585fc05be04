import { setTimeout as sleep } from "node:timers/promises";
import { jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import type { Progress } from "../e2e/progress.ts";
import { TestApp } from "../workloads/queue/testing/app.ts";
import { NatsServers } from "../workloads/queue/testing/nats.ts";
import { aConfiguration, aKeyRing, eventually, TestQueue } from "../workloads/queue/testing/queue.ts";
import { writeId } from "../workloads/queue/write.ts";
import { WriteIndex } from "../workloads/queue/write-index.ts";
import { type Row, row } from "./report.ts";

/** Requests under way at once, of the queue and of the peer alike. */
const atOnce = 64;
const writesPerRun = 1_500;
/** A change of a project: some hundred bytes of JSON. */
const body = Buffer.alloc(400, "x");
const aggregates = 400;
const queuedForMemory = 100_000;

/**
 * The write queue in this process, with one NATS server that syncs each write: how many it accepts beside JetStream's own
 * publish of as many bytes to the same server, how fast it drains, and what a process must
 * remember of 100,000 queued writes.
 */
export async function benchQueue(progress: Progress, runs: number): Promise<Row[]> {
  const accepted: number[] = [];
  const published: number[] = [];
  const drained: number[] = [];
  for (let run = 0; run < runs; run++) {
    await progress.step(`run ${run + 1} of ${runs}`, async () => {
      const { acceptedPerSecond, publishedPerSecond, drainedPerSecond } = await oneRun();
      accepted.push(acceptedPerSecond);
      published.push(publishedPerSecond);
      drained.push(drainedPerSecond);
    });
  }
  const bytes = await progress.step(`${queuedForMemory} queued`, () => memory());
  return [
    row("accepted", "writes/s", accepted, {
      peer: { name: "JetStream publish", values: published },
      ratioAtLeast: 0.5,
    }),
    row("drained", "writes/s", drained),
    row(`memory of ${queuedForMemory} queued`, "MiB", [bytes / 2 ** 20]),
  ];
}

async function oneRun() {
  const nats = await NatsServers.start();
  const app = new TestApp();
  await app.start();
  const keys = aKeyRing();
  const queue = await TestQueue.start({
    nats,
    configuration: aConfiguration(app, nats),
    keys: () => keys,
    database: "ReadOnly",
  });
  try {
    const acceptedPerSecond = await perSecond(writesPerRun, (n) => accept(queue, n));
    const publishedPerSecond = await publishRaw(nats);
    const began = performance.now();
    queue.database = "Draining";
    await eventually("all is applied", () => app.applied.size === writesPerRun, 120_000);
    const drainedPerSecond = writesPerRun / ((performance.now() - began) / 1_000);
    return { acceptedPerSecond, publishedPerSecond, drainedPerSecond };
  } finally {
    await queue.stop();
    await app.stop();
    await nats.stop();
  }
}

async function accept(queue: TestQueue, n: number): Promise<void> {
  const taken = await queue.write(`k-${n}`, { uri: `/api/projects/${n % aggregates}`, body: body.toString() });
  if (taken.kind !== "accepted") throw new Error(`write ${n} was ${taken.kind}`);
}

async function publishRaw(nats: NatsServers): Promise<number> {
  const connection = await nats.connect();
  const jsm = await jetstreamManager(connection);
  await jsm.streams.add({ name: "RAW", subjects: ["raw.*"], storage: StorageType.File });
  const js = jetstream(connection);
  const rate = await perSecond(writesPerRun, async (n) => {
    await js.publish(`raw.${n}`, body);
  });
  await connection.close();
  return rate;
}

/**
 * What a process must remember of 100,000 queued writes: their bodies stay in the store. Put into the index as the reader of
 * the stream does it; queueing them for real would take minutes of nothing but syncs.
 */
async function memory(): Promise<number> {
  const index = new WriteIndex();
  await collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < queuedForMemory; n++) {
    const aggregate = `/api/projects/${n % aggregates}`;
    index.putWrite(writeId(`k-${n}`), n + 1, { aggregate, acceptedAt: n });
  }
  await collect();
  const bytes = process.memoryUsage().heapUsed - before;
  if (index.unfinished !== queuedForMemory) throw new Error("the index has lost some");
  return bytes;
}

async function perSecond(count: number, work: (n: number) => Promise<void>): Promise<number> {
  let next = 0;
  const began = performance.now();
  const worker = async () => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return count / ((performance.now() - began) / 1_000);
}

/** Twice, a moment apart: what one collection frees may let go of more. */
async function collect(): Promise<void> {
  for (let time = 0; time < 2; time++) {
    global.gc?.();
    await sleep(200);
  }
}
