import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock, settle } from "../testing/clock.ts";
import { backoffMs } from "./backoff.ts";
import { createMetrics } from "./metrics.ts";
import { WorkQueue } from "./queue.ts";

function newQueue(random = () => 1) {
  const clock = new FakeClock();
  const metrics = createMetrics();
  return { clock, metrics, queue: new WorkQueue({ name: "q", clock, metrics, random }) };
}

/** Takes all keys that are ready now; they stay running. */
async function takeReady(queue: WorkQueue): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    let key: string | undefined;
    const take = queue.take().then((got) => {
      key = got;
    });
    await settle();
    if (key === undefined) {
      // The taker stays in the queue and would get the next key: hand it a marker and take that back.
      queue.add("marker");
      await take;
      queue.done("marker");
      return taken;
    }
    taken.push(key);
  }
}

describe("a key", () => {
  test("added many times before it is taken is one piece of work", async () => {
    const { queue } = newQueue();
    for (let i = 0; i < 10; i++) queue.add("a");
    expect(await takeReady(queue)).toEqual(["a"]);
  });

  test("added while running comes again once it is done, not before", async () => {
    const { queue } = newQueue();
    queue.add("a");
    await queue.take();
    queue.add("a");
    queue.add("a");
    expect(await takeReady(queue)).toEqual([]);
    queue.done("a");
    expect(await takeReady(queue)).toEqual(["a"]);
  });

  test("wanted at two times comes at the earlier one", async () => {
    const { queue, clock } = newQueue();
    queue.addAfter("a", 1_000);
    queue.addAfter("a", 100);
    queue.addAfter("a", 500);
    await clock.advance(99);
    expect(await takeReady(queue)).toEqual([]);
    await clock.advance(1);
    expect(await takeReady(queue)).toEqual(["a"]);
    expect(clock.timers).toBe(0);
  });

  test("added now does not wait for its delay", async () => {
    const { queue, clock } = newQueue();
    queue.addAfter("a", 60_000);
    queue.add("a");
    expect(await takeReady(queue)).toEqual(["a"]);
    queue.done("a");
    await clock.advance(60_000);
    expect(await takeReady(queue)).toEqual([]);
  });

  test("done without running is a bug, and says so", () => {
    expect(() => newQueue().queue.done("a")).toThrow("was not running");
  });
});

describe("backoff", () => {
  test("doubles from 5 ms to 30 s and starts anew after forget", async () => {
    const { queue, clock } = newQueue();
    const waits: number[] = [];
    const failOnce = async () => {
      queue.retry("a");
      const since = clock.monotonic();
      let got = false;
      const take = queue.take().then(() => {
        got = true;
      });
      while (!got) await clock.advance(5);
      await take;
      waits.push(clock.monotonic() - since);
      queue.done("a");
    };
    for (let i = 0; i < 3; i++) await failOnce();
    queue.forget("a");
    await failOnce();
    expect(waits).toEqual([5, 10, 20, 5]);
  });

  test("never waits less than the server asked for", async () => {
    const { queue, clock } = newQueue();
    queue.retry("a", 2_000);
    await clock.advance(1_000);
    queue.add("a");
    await clock.advance(999);
    expect(await takeReady(queue)).toEqual([]);
    await clock.advance(1);
    expect(await takeReady(queue)).toEqual(["a"]);
  });

  test("is between half and all of its exponential, and never above the cap", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, random) => {
          const full = Math.min(30_000, 5 * 2 ** (failures - 1));
          const wait = backoffMs(failures, { minMs: 5, maxMs: 30_000 }, () => random);
          expect(wait).toBeGreaterThanOrEqual(full / 2);
          expect(wait).toBeLessThanOrEqual(full);
        },
      ),
    );
  });
});

test("after close nothing is handed out, and no timer is left", async () => {
  const { queue, clock } = newQueue();
  queue.add("a");
  queue.addAfter("b", 100);
  const first = await queue.take();
  const waiting = queue.take();
  queue.close();
  queue.add("c");
  expect(first).toBe("a");
  expect(await waiting).toBeUndefined();
  expect(await queue.take()).toBeUndefined();
  queue.done("a");
  expect(clock.timers).toBe(0);
});

test("the laws hold for any sequence of calls", async () => {
  const call = fc.oneof(
    fc.record({ do: fc.constant("add" as const), key: fc.constantFrom("a", "b", "c") }),
    fc.record({
      do: fc.constant("later" as const),
      key: fc.constantFrom("a", "b", "c"),
      ms: fc.integer({ min: 0, max: 50 }),
    }),
    fc.record({ do: fc.constant("take" as const) }),
    fc.record({ do: fc.constant("done" as const), pick: fc.nat(5) }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 60 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const { queue, clock } = newQueue();
      const running = new Set<string>();
      /** Keys that were added and not handed out since. */
      const owed = new Set<string>();
      const taken: Promise<void>[] = [];
      const take = () =>
        queue.take().then((key) => {
          if (key === undefined) return;
          if (running.has(key)) throw new Error(`${key} was handed out twice`);
          running.add(key);
          owed.delete(key);
        });
      const finish = (key: string) => {
        running.delete(key);
        queue.done(key);
      };
      for (const one of calls) {
        if (one.do === "add") {
          owed.add(one.key);
          queue.add(one.key);
        } else if (one.do === "later") {
          owed.add(one.key);
          queue.addAfter(one.key, one.ms);
        } else if (one.do === "take") taken.push(take());
        else if (one.do === "pass") await clock.advance(one.ms);
        else {
          const key = [...running][one.pick];
          if (key) finish(key);
        }
        // A microtask is enough for a taker; the event loop need not turn.
        await Promise.resolve();
      }
      // Whatever was added comes out in the end.
      await clock.advance(60);
      for (let round = 0; round < 20; round++) {
        for (const key of [...running]) finish(key);
        taken.push(take());
        await Promise.resolve();
        await Promise.resolve();
      }
      expect([...owed]).toEqual([]);
      queue.close();
      await Promise.all(taken);
    }),
    { numRuns: 100 },
  );
});

test("metrics follow the keys", async () => {
  const { queue, metrics, clock } = newQueue();
  queue.add("a");
  queue.add("b");
  await clock.advance(1_000);
  await queue.take();
  await clock.advance(3_000);
  const text = await metrics.text();
  expect(text).toContain('workqueue_depth{name="q"} 1');
  expect(text).toContain('workqueue_adds_total{name="q"} 2');
  expect(text).toContain('workqueue_queue_duration_seconds_sum{name="q"} 1');
  expect(text).toContain('workqueue_unfinished_work_seconds{name="q"} 3');
  expect(text).toContain('workqueue_longest_running_processor_seconds{name="q"} 3');
});
