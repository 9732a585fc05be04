import { cpus, release, totalmem } from "node:os";

/** Least, middle and greatest of some runs. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** One figure of a bench. Numbers are in `unit`; `target` is an upper bound. */
export interface Row {
  readonly figure: string;
  /** The median of the runs. */
  readonly value: number;
  readonly unit: string;
  readonly runs: Spread;
  /** What it is held against, measured in the same run; null where nothing comparable runs here. */
  readonly peer: { readonly name: string; readonly value: number; readonly runs: Spread } | null;
  /** value / peer.value. */
  readonly ratio: number | null;
  readonly target: number | null;
  /** The peer's value is an upper bound too. */
  readonly boundByPeer: boolean;
  /** Bounds of the ratio, where the figure is held to those. */
  readonly ratioBounds: { readonly atLeast?: number; readonly atMost?: number } | null;
  /** False when the target is missed, or the peer's value where that is a bound. The bench exits 0 all the same: it reports, and a reader judges. */
  readonly ok: boolean;
}

/** What `--json` prints. */
export interface Report {
  readonly bench: string;
  readonly machine: string;
  readonly rows: readonly Row[];
}

/** One figure from the values of its runs. */
export function row(
  figure: string,
  unit: string,
  values: readonly number[],
  against: {
    readonly target?: number;
    /** Left out of the row where the peer has no value. */
    readonly peer?: { readonly name: string; readonly values: readonly number[] };
    readonly boundByPeer?: boolean;
    readonly ratioAtLeast?: number;
    readonly ratioAtMost?: number;
  } = {},
): Row {
  const runs = spread(values);
  const peer = against.peer && against.peer.values.length > 0 ? peerOf(against.peer) : null;
  const target = against.target ?? null;
  const boundByPeer = against.boundByPeer ?? false;
  const { ratioAtLeast: atLeast, ratioAtMost: atMost } = against;
  const ratio = peer && peer.value > 0 ? round(runs.median / peer.value) : null;
  const ratioBounds =
    atLeast === undefined && atMost === undefined
      ? null
      : { ...(atLeast === undefined ? {} : { atLeast }), ...(atMost === undefined ? {} : { atMost }) };
  return {
    figure,
    value: runs.median,
    unit,
    runs,
    peer,
    ratio,
    target,
    boundByPeer,
    ratioBounds,
    ok:
      (target === null || runs.median <= target) &&
      (!boundByPeer || peer === null || runs.median <= peer.value) &&
      (ratio === null || (ratio >= (atLeast ?? ratio) && ratio <= (atMost ?? ratio))),
  };
}

function peerOf({ name, values }: { readonly name: string; readonly values: readonly number[] }): Row["peer"] {
  const runs = spread(values);
  return { name, value: runs.median, runs };
}

/** The machine, as far as figures depend on it. */
export function machine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
}

/** The report as a table that fits a terminal. */
export function renderTable(report: Report): string {
  const header = ["figure", "value", "min … max", "peer", "ratio", "target", ""];
  const lines = report.rows.map(({ figure, value, unit, runs, peer, ratio, target, boundByPeer, ratioBounds, ok }) => [
    figure,
    `${value} ${unit}`,
    runs.min === runs.max ? "" : `${runs.min} … ${runs.max}`,
    peer ? `${peer.value} ${unit} (${peer.name})` : "",
    ratio === null ? "" : `${ratio}×`,
    bounds({ target, unit, boundByPeer, ratioBounds }),
    target === null && !boundByPeer && ratioBounds === null ? "" : ok ? "ok" : "missed",
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const text = [header, ...lines].map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [`${report.bench} on ${report.machine}`, "", ...text].join("\n");
}

function bounds(held: Pick<Row, "target" | "unit" | "boundByPeer" | "ratioBounds">): string {
  const { target, unit, boundByPeer, ratioBounds } = held;
  return [
    ...(target === null ? [] : [`≤ ${target} ${unit}`]),
    ...(boundByPeer ? ["≤ peer"] : []),
    ...(ratioBounds?.atLeast === undefined ? [] : [`≥ ${ratioBounds.atLeast}×`]),
    ...(ratioBounds?.atMost === undefined ? [] : [`≤ ${ratioBounds.atMost}×`]),
  ].join(", ");
}

/** Of some values. Errors: RangeError without a value, since a figure that was never measured is none. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError("a figure needs one run at least");
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? min;
  return { min: round(min), median: round((lower + upper) / 2), max: round(max) };
}

/** Three digits that mean something; more would pretend. */
function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
