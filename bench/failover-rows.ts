import type { FailoverCase } from "./failover-cases.ts";
import type { Measured } from "./failover-run.ts";
import { type Row, row } from "./report.ts";

/** One run of one fault: both databases in turn, within minutes of each other. */
export interface FailoverRun {
  readonly ours: Measured;
  /** Null for a fault from which plain Patroni does not come back by itself. */
  readonly peer: Measured | null;
}

/** What is measured of each fault. */
export type FailoverMeasure =
  | "write gap"
  | "read gap"
  | "three in sync again"
  | "acknowledged writes lost"
  | "reads failed";

/** The name of a row, by which a plot finds it again. */
export function failoverFigure(fault: string, measure: FailoverMeasure): string {
  return `${fault}: ${measure}`;
}

/** The rows of one fault. Errors: RangeError without a run. */
export function failoverRows(
  { name, targets, losesNode }: Pick<FailoverCase, "name" | "targets" | "losesNode">,
  runs: readonly FailoverRun[],
): Row[] {
  const peers = runs.flatMap(({ peer }) => (peer ? [peer] : []));
  const held = (value: (measured: Measured) => number | null) => ({
    ours: runs.map(({ ours }) => value(ours)).filter((one) => one !== null),
    peer: { name: "plain Patroni", values: peers.map(value).filter((one) => one !== null) },
  });
  const writes = held(({ writeGapSeconds }) => writeGapSeconds);
  const reads = held(({ readGapSeconds }) => readGapSeconds);
  const whole = held(({ wholeSeconds }) => wholeSeconds);
  const failed = held(({ reads }) => reads?.failed ?? null);
  const rows = [
    row(failoverFigure(name, "write gap"), "s", writes.ours, {
      ...(targets.writeGapSeconds === undefined ? {} : { target: targets.writeGapSeconds }),
      peer: writes.peer,
      boundByPeer: targets.noWorseThanPeer,
    }),
    row(failoverFigure(name, "read gap"), "s", reads.ours, { peer: reads.peer }),
    row(failoverFigure(name, "three in sync again"), "s", whole.ours, { peer: whole.peer }),
    // The sum of all runs: a median would hide the one that lost something.
    row(failoverFigure(name, "acknowledged writes lost"), "rows", [sum(runs.map(({ ours }) => ours.lostRows))], {
      target: 0,
      peer: { name: "plain Patroni", values: peers.length > 0 ? [sum(peers.map(({ lostRows }) => lostRows))] : [] },
    }),
  ];
  if (losesNode) {
    rows.push(
      row(failoverFigure(name, "reads failed"), "of 6000", failed.ours, {
        ...(targets.readsFailed === undefined ? {} : { target: targets.readsFailed }),
        peer: failed.peer,
      }),
    );
  }
  return rows;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
