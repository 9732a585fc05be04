import { expect, test } from "vitest";
import { type ModesMeasured, modesRows, type ToldRun } from "./modes-rows.ts";

const told = (toldMs: number[], decidedMs: number[] = [20]): ToldRun => ({ toldMs, decidedMs });
const measured = (given: Partial<ModesMeasured>): ModesMeasured => ({
  faults: new Map(),
  outagesOfSwitchovers: [],
  writesLost: [],
  ...given,
});
const database = (...runs: ToldRun[]) => measured({ faults: new Map([["database", { targetSeconds: 3, runs }]]) });

test("a run counts by the gateway that told it last", () => {
  const [row] = modesRows(database(told([900, 2_500])));
  expect(row).toMatchObject({ figure: "database: every gateway tells", value: 2.5, unit: "s", target: 3, ok: true });
});

test("given one run of three that was late, the median decides and the spread shows it", () => {
  const [row] = modesRows(database(told([2_000]), told([2_500]), told([4_000])));
  expect(row).toMatchObject({ value: 2.5, runs: { min: 2, max: 4 }, ok: true });
});

test("given a median above its target, the row says so", () => {
  expect(modesRows(database(told([3_100])))[0]).toMatchObject({ ok: false });
});

test("the way from the decision is one figure of all faults, and none where nobody can read when it was taken", () => {
  const find = (...runs: ToldRun[]) => modesRows(database(...runs)).find(({ figure }) => figure.startsWith("decision"));
  expect(find(told([900, 950], [40, 160]), told([900], [60]))).toMatchObject({ value: 110, target: 150, ok: true });
  expect(find(told([900], []))).toBeUndefined();
});

test("what must never happen is summed up: one run of many is enough", () => {
  const rows = modesRows(measured({ outagesOfSwitchovers: [0, 1, 0], writesLost: [0, 0, 2] }));
  expect(rows.map(({ value, ok }) => ({ value, ok }))).toEqual([
    { value: 1, ok: false },
    { value: 2, ok: false },
  ]);
});

test("a fault that nobody told is an error, not a zero", () => {
  expect(() => modesRows(database(told([])))).toThrow("no gateway");
});
