import { describe, expect, test } from "vitest";
import { FakeClock, settle } from "../testing/clock.ts";
import { WorkQueue } from "./queue.ts";
import { runWorkers } from "./workers.ts";

function setUp(work: (key: string, signal: AbortSignal) => Promise<void>, concurrency = 3) {
  const clock = new FakeClock();
  const queue = new WorkQueue({ name: "q", clock });
  const hard = new AbortController();
  const soft = new AbortController();
  const done = runWorkers({ queue, clock, concurrency, work, signal: hard.signal, stopping: soft.signal });
  return { clock, queue, hard, soft, done };
}

describe("workers", () => {
  test("work on many keys at once, and on no key twice at once", async () => {
    const active = new Set<string>();
    let most = 0;
    let runs = 0;
    const { clock, queue, soft, done } = setUp(async (key) => {
      if (active.has(key)) throw new Error(`${key} is worked on twice at once`);
      active.add(key);
      most = Math.max(most, active.size);
      runs += 1;
      await clock.sleep(10);
      active.delete(key);
    });
    for (let round = 0; round < 40; round++) {
      for (const key of ["a", "b", "c", "d"]) queue.add(key);
      await clock.advance(3);
    }
    await clock.advance(100);
    expect(most).toBe(3);
    expect(runs).toBeGreaterThan(20);
    soft.abort();
    await done;
  });

  test("die when the queue hands out a key that is worked on", async () => {
    const twice = { take: () => Promise.resolve("a"), done: () => undefined, close: () => undefined };
    const run = runWorkers({
      queue: twice as unknown as WorkQueue,
      clock: new FakeClock(),
      concurrency: 2,
      work: () => new Promise(() => undefined),
      signal: new AbortController().signal,
    });
    await expect(run).rejects.toThrow("while it is worked on");
  });
});

describe("a stop", () => {
  test("lets what runs finish, and hands out nothing more", async () => {
    const finished: string[] = [];
    const { clock, queue, soft, done } = setUp(async (key) => {
      await clock.sleep(1_000);
      finished.push(key);
    }, 1);
    queue.add("a");
    queue.add("b");
    await settle();
    soft.abort();
    await clock.advance(1_000);
    await done;
    expect(finished).toEqual(["a"]);
    expect(clock.timers).toBe(0);
  });

  test("ends what runs after 25 s", async () => {
    let endedAt = 0;
    const { clock, queue, soft, done } = setUp(async (_key, signal) => {
      await clock.sleep(3_600_000, signal).catch(() => undefined);
      endedAt = clock.monotonic();
    });
    queue.add("a");
    await settle();
    soft.abort();
    await clock.advance(25_000);
    await done;
    expect(endedAt).toBe(25_000);
    expect(clock.timers).toBe(0);
  });

  test("rejects within 30 s when work cannot be ended", async () => {
    const { clock, queue, soft, done } = setUp(() => new Promise(() => undefined));
    queue.add("a");
    await settle();
    const outcome = expect(done).rejects.toThrow("work goes on after its end: a");
    soft.abort();
    await clock.advance(30_000);
    await outcome;
  });
});

test("a lost lease ends what runs at once", async () => {
  let reason: unknown;
  const { clock, queue, hard, done } = setUp(async (_key, signal) => {
    await clock.sleep(3_600_000, signal).catch((error: unknown) => {
      reason = error;
    });
  });
  queue.add("a");
  await settle();
  hard.abort(new Error("lost"));
  await done;
  expect(reason).toEqual(new Error("lost"));
});
