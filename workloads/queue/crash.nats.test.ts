import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listDeadLetters } from "./dead-letters.ts";
import { type Fault, type Seen, TestApp } from "./testing/app.ts";
import { NatsServers } from "./testing/nats.ts";
import { aConfiguration, aKeyRing, aSigningKey, eventually, TestQueue } from "./testing/queue.ts";
import { WorkerProcess } from "./testing/worker.ts";
import { writeId } from "./write.ts";

const ring = aKeyRing();
const signingKey = aSigningKey();
const keysFile = JSON.stringify({
  current: ring.current,
  keys: Object.fromEntries([...ring.keys].map(([id, key]) => [id, key.toString("base64")])),
});

let nats: NatsServers;
let app: TestApp;

/** Ends everything whatever became of the test, the last begun first. */
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  app = new TestApp();
  await app.start();
  cleanups.push(() => app.stop());
});

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function serversOf(count: 1 | 3): Promise<void> {
  nats = await NatsServers.start(count);
  cleanups.push(() => nats.stop());
}

async function begin(worker: string, database: "ReadOnly" | "Normal"): Promise<TestQueue> {
  const queue = await TestQueue.start({
    nats,
    configuration: aConfiguration(app, nats),
    keys: () => ring,
    signingKey,
    database,
    worker,
  });
  cleanups.push(() => queue.crash());
  return queue;
}

/** Queues writes over some aggregates, again where the answer is 503, as a client with its key does; returns the keys. */
async function queueWrites(queue: TestQueue, count: number, prefix: string, path = "/api/projects"): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  await Promise.all(
    keys.map((key, n) =>
      eventually(`${key} is taken`, async () => {
        const taken = await queue.write(key, { uri: `${path}/${n % 10}` });
        return taken.kind === "accepted";
      }),
    ),
  );
  return keys;
}

/** Every key was applied once, or is a listed dead letter that was applied once at most. */
async function nothingIsLost(queue: TestQueue, keys: readonly string[]): Promise<Map<string, string>> {
  const { door, store, index } = queue.queue;
  await eventually("nothing is queued", async () => (await door.summary()).queued === 0, 60_000);
  const letters = new Map((await listDeadLetters(store, index)).map(({ id, reason }) => [id, reason]));
  for (const key of keys) {
    const times = app.applied.get(key) ?? 0;
    if (letters.has(writeId(key))) expect(times, key).toBeLessThanOrEqual(1);
    else expect(times, key).toBe(1);
  }
  return letters;
}

describe("given writes that are being replayed", () => {
  test("when the worker's process is killed again and again, then each is applied once, or is a listed dead letter", async () => {
    await serversOf(1);
    const configuration = aConfiguration(app, nats);
    const first = await begin("door", "ReadOnly");
    const keyed = await queueWrites(first, 150, "keyed");
    const plain = await queueWrites(first, 50, "plain", "/api/comments");
    await first.stop();

    app.workMs = 15;
    for (let round = 0; round < 4; round++) {
      const worker = new WorkerProcess({ configuration, keys: keysFile, signingKey: signingKey.pem });
      cleanups.push(() => worker.kill());
      const before = app.seen.length;
      await eventually("it has sent some", () => app.seen.length >= before + 15);
      await sleep(round * 7);
      await worker.kill();
    }
    const letters = await nothingIsLost(await begin("last", "Normal"), [...keyed, ...plain]);
    const keyedIds = new Set(keyed.map(writeId));
    for (const [id, reason] of letters) {
      expect(reason).toBe("OutcomeUnknown");
      expect(keyedIds.has(id), "a write of a route with keys").toBe(false);
    }
    for (const key of plain) expect(app.seen.filter((seen) => seen.key === key).length, key).toBeLessThanOrEqual(1);
  });

  test("when NATS is killed while an app works on some, then their outcomes are kept until they can be recorded", async () => {
    await serversOf(1);
    const queue = await begin("one", "ReadOnly");
    const keys = await queueWrites(queue, 60, "k");
    app.workMs = 20;
    queue.database = "Normal";
    for (let round = 0; round < 3; round++) {
      const before = app.seen.length;
      await eventually("some are sent", () => app.seen.length > before + 8 || app.applied.size === keys.length);
      await nats.kill("nats-0");
      await sleep(300);
      nats.begin("nats-0");
    }
    const letters = await nothingIsLost(queue, keys);
    expect(letters.size).toBe(0);
  });

  test("when the app goes away and answers are cut, then each write is applied once", async () => {
    await serversOf(1);
    const queue = await begin("one", "ReadOnly");
    const keys = await queueWrites(queue, 60, "k");
    let asked = 0;
    const faults: (Fault | undefined)[] = ["cutAfter", undefined, "cutBefore", { status: 500 }, undefined];
    app.fault = (_: Seen) => (asked < 40 ? faults[asked++ % faults.length] : undefined);
    queue.database = "Normal";
    await eventually("some are sent", () => app.seen.length > 10);
    await app.stop();
    await sleep(500);
    await app.start();
    expect((await nothingIsLost(queue, keys)).size).toBe(0);
  });
});

describe("given writes that are being queued", () => {
  test("when NATS is killed meanwhile, then each one that was accepted is there", async () => {
    await serversOf(1);
    const queue = await begin("one", "ReadOnly");
    const writing = queueWrites(queue, 200, "k");
    await sleep(30);
    await nats.kill("nats-0");
    await sleep(200);
    nats.begin("nats-0");
    const keys = await writing;
    queue.database = "Normal";
    expect((await nothingIsLost(queue, keys)).size).toBe(0);
  });

  test("when two processes take one key, then it is one write, and one of them replays it", async () => {
    await serversOf(1);
    const [one, two] = [await begin("one", "ReadOnly"), await begin("two", "ReadOnly")];
    for (let n = 0; n < 20; n++) {
      const both = await Promise.all([one.write(`k-${n}`), two.write(`k-${n}`)]);
      expect(both.map(({ kind }) => kind)).toEqual(["accepted", "accepted"]);
    }
    one.database = "Normal";
    two.database = "Normal";
    const keys = Array.from({ length: 20 }, (_, n) => `k-${n}`);
    await nothingIsLost(two, keys);
    expect(app.seen).toHaveLength(20);
    expect(await one.queue.door.summary()).toMatchObject({ queued: 0 });
  });

  test("when one of three servers is killed in turn, then writing and replaying go on, and nothing is lost", async () => {
    await serversOf(3);
    const queue = await begin("one", "ReadOnly");
    const keys: string[] = [];
    for (const name of nats.names) {
      const writing = queueWrites(queue, 40, `while ${name} is away`.replaceAll(" ", "-"));
      await nats.kill(name);
      keys.push(...(await writing));
      nats.begin(name);
      await sleep(1_500);
    }
    queue.database = "Normal";
    expect((await nothingIsLost(queue, keys)).size).toBe(0);
  });
});
