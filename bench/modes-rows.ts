import { type Row, row } from "./report.ts";

/** One fault, once, as the gateways told it. */
export interface ToldRun {
  /** From the fault to the first document that says so, at each gateway pod. Units: ms. */
  readonly toldMs: readonly number[];
  /** From the operator's write of the mode to the same, where the API server's audit log is at hand. Units: ms. */
  readonly decidedMs: readonly number[];
}

/** What the modes are measured by. */
export interface ModesMeasured {
  /** Runs of each fault, by its name. */
  readonly faults: ReadonlyMap<
    string,
    { readonly targetSeconds: number | undefined; readonly runs: readonly ToldRun[] }
  >;
  /** Of each switchover: how often the database's mode became worse. */
  readonly outagesOfSwitchovers: readonly number[];
  /** Of each run: writes that were accepted with 202, and neither applied nor listed as dead letters. */
  readonly writesLost: readonly number[];
}

/** What the issue asks for from the decision to all gateways. */
const decidedTargetMs = 150;

/** The rows of all faults; those of a fault that was never measured are left out. A run counts by its last gateway. */
export function modesRows({ faults, outagesOfSwitchovers, writesLost }: ModesMeasured): Row[] {
  const measured = [...faults].filter(([, { runs }]) => runs.length > 0);
  const told = measured.map(([name, { targetSeconds, runs }]) => {
    const seconds = runs.map(({ toldMs }) => last(toldMs) / 1_000);
    return row(
      `${name}: every gateway tells`,
      "s",
      seconds,
      targetSeconds === undefined ? {} : { target: targetSeconds },
    );
  });
  const decided = measured.flatMap(([, { runs }]) =>
    runs.flatMap(({ decidedMs }) => (decidedMs.length > 0 ? [last(decidedMs)] : [])),
  );
  return [
    ...told,
    ...(decided.length > 0 ? [row("decision to every gateway", "ms", decided, { target: decidedTargetMs })] : []),
    // Sums of all runs: a median would hide the one that was otherwise.
    ...(outagesOfSwitchovers.length > 0
      ? [row("switchovers that were called an outage", "times", [sum(outagesOfSwitchovers)], { target: 0 })]
      : []),
    ...(writesLost.length > 0 ? [row("queued writes lost", "writes", [sum(writesLost)], { target: 0 })] : []),
  ];
}

/** Errors: RangeError without a gateway, since nobody would have told anything. */
function last(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no gateway told anything");
  return Math.max(...values);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
