/**
 * Where a segment of write-ahead log is: on which timeline, and the how-manieth of the log, which goes on through all
 * of them. Of 16 MiB each, PostgreSQL's own size, of which 256 share the name's middle part.
 */
export interface WalSegment {
  readonly timeline: number;
  readonly number: number;
}

const perLog = 256;

/** Errors: an Error for what is no whole segment's name. */
export function segmentOf(name: string): WalSegment {
  if (!/^[0-9A-F]{8}[0-9A-F]{8}0{6}[0-9A-F]{2}$/.test(name)) throw new Error(`not a segment's name: ${name}`);
  const part = (from: number) => Number.parseInt(name.slice(from, from + 8), 16);
  return { timeline: part(0), number: part(8) * perLog + part(16) };
}

/** As PostgreSQL and the archive name it. */
export function segmentName({ timeline, number }: WalSegment): string {
  const parts = [timeline, Math.floor(number / perLog), number % perLog];
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, "0")).join("");
}

/** The number of the segment that holds a place in the log (`0/3000028`), as timeline histories name them. */
export function segmentNumberAt(lsn: string): number {
  const [log = "", place = ""] = lsn.split("/");
  return Number.parseInt(log, 16) * perLog + Math.floor(Number.parseInt(place, 16) / 2 ** 24);
}

/** An archived segment, and when it arrived. */
export interface ArchivedSegment {
  readonly name: string;
  readonly at: string;
}

/** Segments without a hole between them. */
export interface SegmentRange {
  readonly first: string;
  readonly last: string;
  /** When the last one arrived. */
  readonly lastAt: string;
}

/** The stretches that segments make, by timeline and place. A segment that is there twice is one. */
export function segmentRanges(segments: readonly ArchivedSegment[]): readonly SegmentRange[] {
  const ranges: SegmentRange[] = [];
  for (const { name, at } of segments.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const range = ranges.at(-1);
    const follows = range && (range.last === name || nextName(range.last) === name);
    if (follows) ranges[ranges.length - 1] = { ...range, last: name, lastAt: at };
    else ranges.push({ first: name, last: name, lastAt: at });
  }
  return ranges;
}

function nextName(name: string): string {
  const { timeline, number } = segmentOf(name);
  return segmentName({ timeline, number: number + 1 });
}
