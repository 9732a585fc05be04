import { expect, test } from "vitest";
import { failoverFigure, failoverRows } from "./failover-rows.ts";
import type { Measured } from "./failover-run.ts";

const measured = (given: Partial<Measured>): Measured => ({
  writeGapSeconds: 2,
  readGapSeconds: 1,
  wholeSeconds: 10,
  acknowledgedRows: 400,
  lostRows: 0,
  reads: null,
  ...given,
});
const bound = { name: "pod-delete", losesNode: false, targets: { writeGapSeconds: 3, noWorseThanPeer: true } };

test.each([
  { given: "within the target and no longer than its peer's", ours: 2.2, peer: 2.2, ok: true },
  { given: "within the target, longer than its peer's", ours: 2.9, peer: 2.2, ok: false },
  { given: "longer than the target", ours: 3.1, peer: 4, ok: false },
])("given a write gap $given, ok is $ok", ({ ours, peer, ok }) => {
  const run = { ours: measured({ writeGapSeconds: ours }), peer: measured({ writeGapSeconds: peer }) };
  expect(find(failoverRows(bound, [run]), "write gap")?.ok).toBe(ok);
});

test("given one run of three that lost a row, the row says so, whatever the median", () => {
  const runs = [0, 1, 0].map((lostRows) => ({ ours: measured({ lostRows }), peer: measured({}) }));
  expect(find(failoverRows(bound, runs), "acknowledged writes lost")).toMatchObject({ value: 1, target: 0, ok: false });
});

test("a peer that was never whole again has no value to be held against", () => {
  const run = { ours: measured({}), peer: measured({ wholeSeconds: null }) };
  expect(find(failoverRows(bound, [run]), "three in sync again")).toMatchObject({ value: 10, peer: null, ok: true });
});

test.each([
  { failed: 6, ok: true },
  { failed: 7, ok: false },
])("given a node that is cut off and $failed reads that failed, ok is $ok", ({ failed, ok }) => {
  const fault = { name: "node-cut", losesNode: true, targets: { noWorseThanPeer: true, readsFailed: 6 } };
  const one = measured({ reads: { failed, of: 6_000 } });
  const rows = failoverRows(fault, [{ ours: one, peer: measured({ reads: { failed: 900, of: 6_000 } }) }]);
  expect(rows.find(({ figure }) => figure === "node-cut: reads failed")).toMatchObject({ value: failed, ok });
});

test("only a fault that loses a node has a reader that counts failures", () => {
  expect(find(failoverRows(bound, [{ ours: measured({}), peer: measured({}) }]), "reads failed")).toBeUndefined();
});

function find(rows: ReturnType<typeof failoverRows>, measure: Parameters<typeof failoverFigure>[1]) {
  return rows.find(({ figure }) => figure === failoverFigure("pod-delete", measure));
}
