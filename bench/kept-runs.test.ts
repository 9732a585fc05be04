import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type KeptRun, KeptRuns, newestRuns, parseKeptRuns } from "./kept-runs.ts";

const run = (setting: string, name: string, result: number): KeptRun<number> => {
  return { setting, name, at: "2026-01-01T00:00:00.000Z", result };
};

test("given a file whose last line was cut off, the whole lines are its runs", () => {
  const whole = [run("a", "sigkill", 1), run("a", "sigkill", 2)];
  const text = whole.map((one) => `${JSON.stringify(one)}\n`).join("");
  expect(parseKeptRuns(`${text}{"setting":"a","na`)).toEqual(whole);
});

test("only runs of the same setting and name count, the newest of them, oldest first", () => {
  const runs = [1, 2, 3].map((result) => run("a", "sigkill", result));
  const others = [run("b", "sigkill", 4), run("a", "hang", 5)];
  const wanted = { setting: "a", name: "sigkill", count: 2 };
  expect(newestRuns([...runs, ...others], wanted).map(({ result }) => result)).toEqual([2, 3]);
});

test("what was kept is found again, by this setting and until it is forgotten", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kept-runs-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, "below", "runs.jsonl");
  const runs = new KeptRuns<number>(path, "a");
  expect(await runs.of("sigkill", 5)).toEqual([]);
  await runs.keep("sigkill", 2.2);
  expect((await runs.of("sigkill", 5)).map(({ result }) => result)).toEqual([2.2]);
  expect(await new KeptRuns<number>(path, "b").of("sigkill", 5)).toEqual([]);
  await runs.forget();
  expect(await runs.of("sigkill", 5)).toEqual([]);
});
