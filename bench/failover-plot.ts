import { failoverLabels } from "./failover-cases.ts";
import { type FailoverMeasure, failoverFigure } from "./failover-rows.ts";
import type { Report, Row, Spread } from "./report.ts";

/** Two panels of the same scale, since what pauses writes may leave reads alone. */
const panels: readonly { readonly measure: FailoverMeasure; readonly title: string }[] = [
  { measure: "write gap", title: "writes pause" },
  { measure: "read gap", title: "reads pause" },
];

/** Seconds: from what a busy reader sees on a quiet day to more than any fault takes. */
const scale = { from: 0.1, to: 100, ticks: [0.1, 1, 10, 100] } as const;

const size = { labels: 200, panel: 300, between: 40, top: 62, group: 42, bottom: 34, right: 24 } as const;

/** Of a tone that is read on white and on black: who shows the picture chooses the background. */
const colours = { ours: "#2f81f7", peer: "#c9741a", text: "#7d8590", grid: "#7d859055" } as const;

/**
 * The report of the bench failover as a picture (SVG): for each fault a StemHub above plain Patroni, a line from the
 * least to the greatest of the runs, a dot at the median with its seconds, on a logarithmic scale. Faults that the report
 * does not have are left out.
 */
export function renderFailoverPlot(report: Report): string {
  const faults = failoverLabels.filter(({ name }) => rowOf(report, name, "write gap"));
  const width = size.labels + panels.length * size.panel + (panels.length - 1) * size.between + size.right;
  const bottom = size.top + faults.length * size.group;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + size.bottom}" width="${width}" height="${bottom + size.bottom}" font-family="system-ui, sans-serif" font-size="13" fill="${colours.text}" role="img">`,
    "<title>How long writes and reads pause, by fault, in seconds</title>",
    ...legend(),
    ...faults.map(({ label }, index) => text(size.labels - 12, groupMiddle(index) + 4, label, "end")),
    ...panels.flatMap(({ measure, title }, panel) => [
      text(panelStart(panel), size.top - 12, `${title} (s, log scale)`, "start"),
      ...grid(panel, bottom),
      ...faults.flatMap(({ name }, index) => ranges(rowOf(report, name, measure), panel, groupMiddle(index))),
    ]),
    text(size.labels, bottom + size.bottom - 4, "Line: least to greatest of the runs. Dot: median.", "start", 11),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

function legend(): string[] {
  const entry = (x: number, colour: string, name: string) => [
    `<circle cx="${x}" cy="18" r="4.5" fill="${colour}"/>`,
    text(x + 10, 22, name, "start"),
  ];
  return [
    ...entry(size.labels + 4, colours.ours, "a StemHub, through NAME-db"),
    ...entry(size.labels + 224, colours.peer, "plain Patroni, same image and timings"),
  ];
}

function grid(panel: number, bottom: number): string[] {
  return scale.ticks.flatMap((seconds) => {
    const x = position(panel, seconds);
    return [
      `<line x1="${x}" y1="${size.top - 4}" x2="${x}" y2="${bottom}" stroke="${colours.grid}"/>`,
      text(x, bottom + 14, String(seconds), "middle", 11),
    ];
  });
}

function ranges(row: Row | undefined, panel: number, middle: number): string[] {
  if (!row) return [];
  return [
    ...range(row.runs, panel, middle - 8, colours.ours),
    ...(row.peer ? range(row.peer.runs, panel, middle + 8, colours.peer) : []),
  ];
}

function range({ min, median, max }: Spread, panel: number, y: number, colour: string): string[] {
  const [from, middle, to] = [min, median, max].map((seconds) => position(panel, seconds));
  return [
    `<line x1="${from}" y1="${y}" x2="${to}" y2="${y}" stroke="${colour}" stroke-width="3" stroke-linecap="round"/>`,
    `<circle cx="${middle}" cy="${y}" r="4.5" fill="${colour}"/>`,
    text((to ?? 0) + 9, y + 4, `${Number(median.toPrecision(2))}`, "start", 11),
  ];
}

/** Where a number of seconds is; what is off the scale is at its end. */
function position(panel: number, seconds: number): number {
  const within = Math.min(scale.to, Math.max(scale.from, seconds));
  const share = Math.log(within / scale.from) / Math.log(scale.to / scale.from);
  return Math.round((panelStart(panel) + share * size.panel) * 10) / 10;
}

function panelStart(panel: number): number {
  return size.labels + panel * (size.panel + size.between);
}

function groupMiddle(index: number): number {
  return size.top + (index + 0.5) * size.group;
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end", fontSize = 13): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${fontSize}">${content}</text>`;
}

function rowOf(report: Report, fault: string, measure: FailoverMeasure): Row | undefined {
  return report.rows.find(({ figure }) => figure === failoverFigure(fault, measure));
}
