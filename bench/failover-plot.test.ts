import { expect, test } from "vitest";
import { renderFailoverPlot } from "./failover-plot.ts";
import { failoverFigure } from "./failover-rows.ts";
import { type Row, row } from "./report.ts";

const plot = (rows: readonly Row[]) => renderFailoverPlot({ bench: "failover", machine: "some machine", rows });
const writes = (fault: string, ours: readonly number[], peer: readonly number[]) =>
  row(failoverFigure(fault, "write gap"), "s", ours, { peer: { name: "plain Patroni", values: peer } });

test("given two faults, each is named and has both medians; a fault that was not measured is not there", () => {
  const svg = plot([writes("sigkill", [2.1, 2.4, 3.3], [2.2]), writes("node-cut", [24], [25])]);
  for (const said of ["SIGKILL of postgres", "node cut off", ">2.4<", ">2.2<", ">24<", ">25<"]) {
    expect(svg).toContain(said);
  }
  expect(svg).not.toContain("switchover");
});

test("the scale is logarithmic: one second to ten is as far as ten to a hundred", () => {
  const [one = 0, ten = 0, hundred = 0] = [1, 10, 100].map((seconds) => {
    return Number(/<circle cx="([\d.]+)" cy="75"/.exec(plot([writes("sigkill", [seconds], [seconds])]))?.[1]);
  });
  expect(ten - one).toBeGreaterThan(0);
  expect(ten - one).toBeCloseTo(hundred - ten, 0);
});

test("a peer that has no value has no line", () => {
  const withPeer = plot([writes("sigkill", [2], [2])]);
  const alone = plot([writes("sigkill", [2], [])]);
  const circles = (svg: string) => svg.match(/<circle/g)?.length ?? 0;
  expect(circles(withPeer) - circles(alone)).toBe(1);
});

test("what is off the scale is drawn at its end and not outside of it", () => {
  expect(plot([writes("sigkill", [1_000], [0])])).not.toMatch(/NaN|Infinity/);
});
