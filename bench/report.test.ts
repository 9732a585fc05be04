import { expect, test } from "vitest";
import { renderTable, row, spread } from "./report.ts";

test.each([
  [[3], { min: 3, median: 3, max: 3 }],
  [[4, 1, 2], { min: 1, median: 2, max: 4 }],
  [[1, 2, 3, 10], { min: 1, median: 2.5, max: 10 }],
  [[27.4567, 1234.5], { min: 27.5, median: 631, max: 1235 }],
])("the spread of %j", (values, expected) => {
  expect(spread(values)).toEqual(expected);
});

test("a figure without a run is none", () => {
  expect(() => spread([])).toThrow(RangeError);
});

test.each([
  { given: "within the target", values: [29], target: 30, ok: true },
  { given: "on the target", values: [30], target: 30, ok: true },
  { given: "above it", values: [31], target: 30, ok: false },
  { given: "no target", values: [31], target: undefined, ok: true },
])("given a value $given, ok is $ok", ({ values, target, ok }) => {
  expect(row("apply to Ready", "s", values, target === undefined ? {} : { target }).ok).toBe(ok);
});

test("a row is held against its peer by the medians", () => {
  const { peer, ratio } = row("apply to Ready", "s", [20, 30, 25], { peer: { name: "plain Patroni", values: [50] } });
  expect(peer).toEqual({ name: "plain Patroni", value: 50, runs: { min: 50, median: 50, max: 50 } });
  expect(ratio).toBe(0.5);
});

test.each([
  { given: "below target and peer", values: [2], peers: [2.2], ok: true },
  { given: "as good as its peer", values: [2.2], peers: [2.2], ok: true },
  { given: "below the target, above its peer", values: [2.9], peers: [2.2], ok: false },
  { given: "above the target, below its peer", values: [3.1], peers: [9], ok: false },
  { given: "below the target, and a peer that has none", values: [2.9], peers: [], ok: true },
])("where the peer is a bound: given a value $given, ok is $ok", ({ values, peers, ok }) => {
  const peer = { name: "plain Patroni", values: peers };
  expect(row("write gap", "s", values, { target: 3, peer, boundByPeer: true }).ok).toBe(ok);
});

test("the table says what was missed", () => {
  const bound = { target: 3, peer: { name: "P", values: [1] }, boundByPeer: true };
  const rows = [
    row("memory", "MB", [90], { target: 120 }),
    row("CPU", "m", [7, 8], { target: 6 }),
    row("gap", "s", [2], bound),
  ];
  expect(renderTable({ bench: "operator", machine: "2 × some CPU", rows })).toBe(
    [
      "operator on 2 × some CPU",
      "",
      "figure  value  min … max  peer     ratio  target",
      "memory  90 MB                             ≤ 120 MB       ok",
      "CPU     7.5 m  7 … 8                      ≤ 6 m          missed",
      "gap     2 s               1 s (P)  2×     ≤ 3 s, ≤ peer  missed",
    ].join("\n"),
  );
});
