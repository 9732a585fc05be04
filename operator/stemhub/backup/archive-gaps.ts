import type { ArchiveContent, ReportedBackup } from "../../api/backup-report.ts";
import { segmentName, segmentNumberAt, segmentOf, type WalSegment } from "../../api/wal-segments.ts";
import { byLabel } from "./calendar.ts";
import { isSound } from "./retention.ts";

/** Segments that a restore would ask for and the archive has not. */
export interface ArchiveGap {
  readonly timeline: number;
  readonly first: string;
  readonly last: string;
  readonly segments: number;
  /**
   * From here on nothing can be restored to: when the last segment before the gap arrived. What was committed a little
   * earlier may be in that segment, and recovery to a moment after its last commit fails.
   */
  readonly from: string;
  /** The end of the first sound backup behind the gap, from where on everything can be. Absent: there is none yet. */
  readonly until: string | undefined;
}

/** What an archive lacks. Nothing in it: every moment since the line's first backup can be restored. */
export interface ArchiveFindings {
  readonly gaps: readonly ArchiveGap[];
  /** Backups that cannot be restored at all: segments that were written while they were made are missing. */
  readonly incomplete: readonly string[];
  /** Timelines that have segments and no history file: where they begin is unknown, and so what is missing. */
  readonly withoutHistory: readonly number[];
}

/**
 * Whether the archive is whole from the backup `walFrom` on (see retention.ts), along the line of timelines that leads
 * to the newest one. Timelines that the line has left are not asked for, and what is still to arrive at its end is no
 * gap. After a promotion, the end of the timeline before may take a while to arrive, and is one until then.
 */
export function archiveGaps(
  archive: ArchiveContent,
  backups: readonly ReportedBackup[],
  walFrom: string | undefined,
): ArchiveFindings {
  const held = heldSegments(archive);
  const line = lineOf(archive);
  const oldestFirst = backups.toSorted(byLabel);
  const base = oldestFirst.find((backup) => backup.label === walFrom);
  const start = base && oldestFirst.find((backup) => byLabel(backup, base) >= 0 && isOn(line, backup));
  const holes = start ? along(line, segmentOf(start.walStart)).flatMap((stretch) => missing(stretch, held)) : [];
  return {
    gaps: start ? holes.map((hole) => gap(hole, archive, line, backups, start)) : [],
    incomplete: oldestFirst.filter((backup) => lacksItsOwn(backup, line, held)).map(({ label }) => label),
    withoutHistory: [...held.keys()].filter((timeline) => timeline > 1 && !hasHistory(archive, timeline)),
  };
}

/** Both ends included, of one timeline. */
interface Stretch {
  readonly timeline: number;
  readonly first: number;
  readonly last: number;
}

/** What is there, by timeline. */
type Held = ReadonlyMap<number, readonly Stretch[]>;

function heldSegments({ ranges }: ArchiveContent): Held {
  const stretches = ranges.map(({ first, last }): Stretch => {
    const { timeline, number } = segmentOf(first);
    return { timeline, first: number, last: segmentOf(last).number };
  });
  return Map.groupBy(stretches, ({ timeline }) => timeline);
}

function hasHistory({ histories }: ArchiveContent, timeline: number): boolean {
  return histories.some((history) => history.timeline === timeline);
}

/**
 * What recovery to the newest moment reads, oldest timeline first; the last has no end yet. The segment in which a
 * timeline ends is read from the next one, which begins with a copy of it.
 */
function lineOf({ histories }: ArchiveContent): readonly Stretch[] {
  const newest = histories.toSorted((a, b) => b.timeline - a.timeline)[0];
  const line: Stretch[] = [];
  let first = 0;
  for (const { timeline, switchLsn } of newest?.parents ?? []) {
    const next = segmentNumberAt(switchLsn);
    line.push({ timeline, first, last: next - 1 });
    first = next;
  }
  return [...line, { timeline: newest?.timeline ?? 1, first, last: Number.POSITIVE_INFINITY }];
}

function along(line: readonly Stretch[], from: WalSegment, to = Number.POSITIVE_INFINITY): readonly Stretch[] {
  return line
    .filter(({ timeline }) => timeline >= from.timeline)
    .map(({ timeline, first, last }) => ({
      timeline,
      first: Math.max(first, from.number),
      last: Math.min(last, to),
    }));
}

/** PostgreSQL ends a backup with a whole segment, so that none ends in the one in which its timeline does. */
function isOn(line: readonly Stretch[], { walStart, walStop }: ReportedBackup): boolean {
  return [segmentOf(walStart), segmentOf(walStop)].every(({ timeline, number }) =>
    line.some((stretch) => stretch.timeline === timeline && stretch.first <= number && number <= stretch.last),
  );
}

function lacksItsOwn({ walStart, walStop }: ReportedBackup, line: readonly Stretch[], held: Held): boolean {
  const [start, stop] = [segmentOf(walStart), segmentOf(walStop)];
  const own: Stretch = { timeline: start.timeline, first: start.number, last: stop.number };
  const wanted = start.timeline === stop.timeline ? [own] : along(line, start, stop.number);
  return wanted.some((stretch) => missing(stretch, held).length > 0);
}

/** The parts of a stretch that are not there. Of one without an end, what is still to arrive is none. */
function missing({ timeline, first, last }: Stretch, held: Held): readonly Stretch[] {
  const holes: Stretch[] = [];
  let next = first;
  for (const there of (held.get(timeline) ?? []).toSorted((a, b) => a.first - b.first)) {
    if (there.first > next) holes.push({ timeline, first: next, last: Math.min(there.first - 1, last) });
    next = Math.max(next, there.last + 1);
  }
  if (Number.isFinite(last)) holes.push({ timeline, first: next, last });
  return holes.filter((hole) => hole.first <= hole.last);
}

function gap(
  hole: Stretch,
  { ranges }: ArchiveContent,
  line: readonly Stretch[],
  backups: readonly ReportedBackup[],
  start: ReportedBackup,
): ArchiveGap {
  const { timeline, first, last } = hole;
  const before = ranges.filter((range) => {
    const end = segmentOf(range.last);
    return end.timeline <= timeline && end.number === first - 1 && line.some((one) => one.timeline === end.timeline);
  });
  const behind = backups.toSorted(byLabel).find((backup) => {
    return isOn(line, backup) && segmentOf(backup.walStart).number > last && isSound(backup, backups);
  });
  return {
    timeline,
    first: segmentName({ timeline, number: first }),
    last: segmentName({ timeline, number: last }),
    segments: last - first + 1,
    from: before.at(-1)?.lastAt ?? start.startedAt,
    until: behind?.finishedAt,
  };
}
