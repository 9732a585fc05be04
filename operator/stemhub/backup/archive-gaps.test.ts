import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ArchiveContent, ReportedBackup } from "../../api/backup-report.ts";
import { segmentName, segmentRanges } from "../../api/wal-segments.ts";
import { aDiff, aFull } from "../../testing/backups.ts";
import { archiveGaps } from "./archive-gaps.ts";

const begin = Date.parse("2026-11-22T00:00:00Z");
/** A segment arrives each minute. */
const arrival = (number: number) => new Date(begin + number * 60_000).toISOString();
const name = (timeline: number, number: number) => segmentName({ timeline, number });
/** Segments of a timeline, both ends included, but for some. */
function archived(timeline: number, first: number, last: number, without: readonly number[] = []) {
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return numbers
    .filter((number) => !without.includes(number))
    .map((number) => ({ name: name(timeline, number), at: arrival(number) }));
}
const archive = (segments: ReturnType<typeof archived>, histories: ArchiveContent["histories"] = []) => ({
  ranges: segmentRanges(segments),
  histories,
});
/** A full backup that read segments `number` and the next of a timeline. */
const backupAt = (timeline: number, number: number): ReportedBackup =>
  aFull(arrival(number), { walStart: name(timeline, number), walStop: name(timeline, number + 1) });

/** A timeline that ended within segment `number`. */
const endedIn = (timeline: number, number: number) => ({
  timeline,
  switchLsn: `${Math.floor(number / 256)
    .toString(16)
    .toUpperCase()}/${(number % 256).toString(16).toUpperCase()}000028`,
});
const whole = { gaps: [], incomplete: [], withoutHistory: [] };
const first = backupAt(1, 10);

describe("an archive of one timeline", () => {
  test("given every segment since the backup, then nothing is missing, also across 256 of them", () => {
    expect(archiveGaps(archive(archived(1, 10, 600)), [first], first.label)).toEqual(whole);
  });

  test("given one segment that is gone, then it is named, and from when on nothing can be restored to", () => {
    const { gaps } = archiveGaps(archive(archived(1, 10, 40, [20])), [first], first.label);
    const from = arrival(19);
    const segment = "000000010000000000000014";
    expect(gaps).toEqual([{ timeline: 1, first: segment, last: segment, segments: 1, from, until: undefined }]);
  });

  test("given a backup behind the gap, then from its end on everything can be", () => {
    const behind = backupAt(1, 30);
    const { gaps } = archiveGaps(archive(archived(1, 10, 40, [20, 21])), [first, behind], first.label);
    expect(gaps).toMatchObject([{ segments: 2, until: behind.finishedAt }]);
  });

  test("given only a backup with errors behind the gap, or one upon it, then it has no end yet", () => {
    const bad = { ...backupAt(1, 30), error: true };
    const upon = aDiff(bad, arrival(35), { walStart: name(1, 35), walStop: name(1, 36) });
    const { gaps } = archiveGaps(archive(archived(1, 10, 40, [20])), [first, bad, upon], first.label);
    expect(gaps).toMatchObject([{ until: undefined }]);
  });

  test("given what retention has dropped before the backup, then that is no gap", () => {
    const older = backupAt(1, 2);
    const content = archive([...archived(1, 2, 3), ...archived(1, 10, 40)]);
    expect(archiveGaps(content, [older, first], first.label)).toEqual(whole);
  });

  test("given a backup whose own segments are gone, then it is told", () => {
    const older = backupAt(1, 2);
    const content = archive([...archived(1, 2, 2), ...archived(1, 10, 40)]);
    expect(archiveGaps(content, [older, first], first.label).incomplete).toEqual([older.label]);
  });

  test("given no backup yet, then nothing is asked for", () => {
    expect(archiveGaps(archive(archived(1, 1, 9, [5])), [], undefined)).toEqual(whole);
  });
});

describe("an archive of several timelines", () => {
  const toSecond = { timeline: 2, parents: [endedIn(1, 20)] };

  test("given a promotion within a segment, then the next timeline's copy of it is enough", () => {
    const content = archive([...archived(1, 10, 19), ...archived(2, 20, 40)], [toSecond]);
    expect(archiveGaps(content, [first], first.label)).toEqual(whole);
  });

  test("given a promotion whose first segment has not arrived, then nothing is missing yet", () => {
    expect(archiveGaps(archive(archived(1, 10, 19), [toSecond]), [first], first.label)).toEqual(whole);
  });

  test("given a failover while the store was away, then the end of the old timeline is a gap", () => {
    const content = archive([...archived(1, 10, 14), ...archived(2, 20, 40)], [toSecond]);
    const { gaps } = archiveGaps(content, [first], first.label);
    expect(gaps).toMatchObject([{ timeline: 1, first: name(1, 15), last: name(1, 19), from: arrival(14) }]);
  });

  test("given a gap at the beginning of the new timeline, then it begins where the old one's last arrived", () => {
    const content = archive([...archived(1, 10, 19), ...archived(2, 22, 40)], [toSecond]);
    expect(archiveGaps(content, [first], first.label).gaps).toMatchObject([
      { timeline: 2, segments: 2, from: arrival(19) },
    ]);
  });

  test("given a timeline that was left, then what it lacks is nobody's", () => {
    const content = archive(
      [...archived(1, 10, 19), ...archived(2, 20, 40, [30]), ...archived(3, 20, 50)],
      [toSecond, { timeline: 3, parents: [endedIn(1, 20)] }],
    );
    expect(archiveGaps(content, [first], first.label)).toEqual(whole);
  });

  test("given that the backup is on a timeline that was left, then the next one on the line begins it", () => {
    const left = backupAt(2, 25);
    const third = backupAt(3, 45);
    const histories = [toSecond, { timeline: 3, parents: [endedIn(1, 20)] }];
    const segments = [...archived(1, 10, 19), ...archived(2, 20, 40), ...archived(3, 20, 60, [30, 50])];
    const { gaps } = archiveGaps(archive(segments, histories), [left, third], left.label);
    expect(gaps).toMatchObject([{ timeline: 3, first: name(3, 50) }]);
  });

  test("given segments of a timeline without its history, then it is told", () => {
    const content = archive([...archived(1, 10, 19), ...archived(2, 20, 40)]);
    expect(archiveGaps(content, [first], first.label).withoutHistory).toEqual([2]);
  });
});

test("whatever is taken out of an archive of several timelines is found, and nothing else is", () => {
  const someHistory = fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
    taken: fc.array(fc.nat(), { maxLength: 20 }),
  });
  fc.assert(
    fc.property(someHistory, ({ lengths, taken }) => {
      const segments: ReturnType<typeof archived> = [];
      const parents: { timeline: number; switchLsn: string }[] = [];
      let next = 10;
      for (const [index, length] of lengths.entries()) {
        if (index > 0) parents.push(endedIn(index, next));
        segments.push(...archived(index + 1, next, next + length - 1));
        next += length;
      }
      const histories = parents.length > 0 ? [{ timeline: lengths.length, parents }] : [];
      // The newest segment is what there is: without it the one before would be.
      const gone = new Set(taken.map((at) => segments[at % segments.length]?.name));
      gone.delete(segments.at(-1)?.name);
      const content = archive(
        segments.filter((segment) => !gone.has(segment.name)),
        histories,
      );
      const base = aFull(arrival(10), { walStart: name(1, 10), walStop: name(1, 10) });
      const found = archiveGaps(content, [base], base.label).gaps.flatMap((gap) => {
        const start = Number.parseInt(gap.first.slice(8, 16), 16) * 256 + Number.parseInt(gap.first.slice(16), 16);
        return archived(gap.timeline, start, start + gap.segments - 1).map((segment) => segment.name);
      });
      expect(new Set(found)).toEqual(gone);
    }),
  );
});
