import { expect, test } from "vitest";
import { runStages, type Stage, summary } from "./stages.ts";

const passing: Stage = { name: "unit", run: async () => ({ passed: 3, failed: 0 }) };
const failing: Stage = { name: "lint", run: async () => ({ passed: 0, failed: 1 }) };
const broken: Stage = {
  name: "cluster",
  run: async () => {
    throw new Error("no root\nat line 1");
  },
};

/** Tells nobody, and time stands still. */
const quiet = { say: () => undefined, now: () => 0 };

test("a stage that fails does not keep the next one from running", async () => {
  const results = await runStages([failing, passing], quiet);
  expect(results.map(({ count }) => count)).toEqual([
    { passed: 0, failed: 1 },
    { passed: 3, failed: 0 },
  ]);
});

test("a stage that cannot run counts as a failure, and so does what needs it", async () => {
  let ran = false;
  const needing: Stage = {
    name: "suite",
    needs: ["cluster"],
    run: async () => {
      ran = true;
      return { passed: 1, failed: 0 };
    },
  };
  const results = await runStages([broken, needing], quiet);
  expect(results.map(({ trouble }) => trouble)).toEqual(["no root\nat line 1", "it needs cluster"]);
  expect(results.map(({ count }) => count.failed)).toEqual([1, 1]);
  expect(ran).toBe(false);
});

test("stages of an inner list run beside each other, and what comes after waits for all of them", async () => {
  const order: string[] = [];
  const meeting = Promise.withResolvers<void>();
  const waits: Stage = {
    name: "waits",
    run: async () => {
      await meeting.promise;
      order.push("waits");
      return { passed: 1, failed: 0 };
    },
  };
  const releases: Stage = {
    name: "releases",
    run: async () => {
      order.push("releases");
      meeting.resolve();
      return { passed: 1, failed: 0 };
    },
  };
  const last: Stage = { ...passing, needs: ["waits", "releases"] };
  const results = await runStages([[waits, releases], last], quiet);
  expect(order).toEqual(["releases", "waits"]);
  expect(results.map(({ name, count }) => `${name} ${count.passed}`)).toEqual(["waits 1", "releases 1", "unit 3"]);
});

test("the last line, and no other, is the sum", async () => {
  const text = summary(await runStages([passing, failing, broken], quiet));
  expect(text.split("\n").filter((line) => /^\d+ passed, \d+ failed$/.test(line))).toEqual(["3 passed, 2 failed"]);
  expect(text).toMatch(/3 passed, 2 failed$/);
  expect(text).toContain("could not run: no root");
});
