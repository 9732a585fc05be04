import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { describeLoad, startLoad } from "./load.ts";

test("a server that stalls is not spared: requests go out at their rate all the same", async () => {
  const load = startLoad({ perSecond: 100, deadlineMs: 50, request: (signal) => aborted(signal) });
  await sleep(300);
  const { sent, failed } = await load.stop();
  expect(sent).toBeGreaterThanOrEqual(25);
  expect(failed).toHaveLength(sent);
});

test("each failure is counted once, with its reason and when it was sent", async () => {
  let count = 0;
  const load = startLoad({
    perSecond: 100,
    deadlineMs: 1_000,
    request: async () => {
      count += 1;
      if (count === 2) throw new Error("502");
    },
  });
  await sleep(120);
  const result = await load.stop();
  expect(result.failed.map(({ reason }) => reason)).toEqual(["502"]);
  expect(describeLoad(result)).toMatch(/^1 failed of \d+; median \d+ ms, p99 \d+ ms\n {2}after 0\.\d s: 502$/);
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("no answer in time"))));
}
