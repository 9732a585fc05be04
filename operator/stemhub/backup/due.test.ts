import { describe, expect, test } from "vitest";
import { aDiff, aFull } from "../../testing/backups.ts";
import type { Schedule } from "./calendar.ts";
import { missedBackup, nextDue } from "./due.ts";

const berlin: Schedule = { time: "02:30", timeZone: "Europe/Berlin", weekday: "Sunday" };
const next = (now: string, schedule = berlin) => {
  const { at, type } = nextDue(schedule, new Date(now));
  return `${at.toISOString().slice(0, 16)}Z ${type}`;
};

describe("when the next backup is due", () => {
  test.each([
    ["before today's moment", "2026-11-25T01:00:00Z", "2026-11-25T01:30Z diff"],
    ["at it, tomorrow's", "2026-11-25T01:30:00Z", "2026-11-26T01:30Z diff"],
    ["on the evening before the week's day", "2026-11-28T20:00:00Z", "2026-11-29T01:30Z full"],
    ["on the day whose clock skips that hour, one hour later", "2026-03-28T12:00:00Z", "2026-03-29T01:30Z full"],
    ["on the day after that, by summer time", "2026-03-29T12:00:00Z", "2026-03-30T00:30Z diff"],
    ["on the day that has that hour twice, the first", "2026-10-24T12:00:00Z", "2026-10-25T00:30Z full"],
    ["after the first of both, the next day's", "2026-10-25T00:30:00Z", "2026-10-26T01:30Z diff"],
  ])("%s", (_, now, expected) => {
    expect(next(now)).toBe(expected);
  });

  test("in a zone that has skipped a whole day", () => {
    const apia: Schedule = { ...berlin, timeZone: "Pacific/Apia" };
    expect(next("2011-12-29T20:00:00Z", apia)).toBe("2011-12-30T12:30Z diff");
  });
});

describe("whether one was missed", () => {
  const hourMs = 3_600_000;
  const full = aFull("2026-11-22T01:31:00Z");
  const tuesday = aDiff(full, "2026-11-24T01:31:00Z");
  const missed = (backups: Parameters<typeof missedBackup>[0], now: string) => {
    const found = missedBackup(backups, berlin, new Date(now), 2 * hourMs);
    return found && `${found.reason} ${found.type}`;
  };

  test.each([
    ["none at all, then a full one is", [], "2026-11-25T09:00:00Z", "NoFullBackup full"],
    ["today's is there, then none was", [full, tuesday], "2026-11-24T09:00:00Z", undefined],
    ["today's moment has passed without one", [full, tuesday], "2026-11-25T09:00:00Z", "DailyMissed diff"],
    ["it has only just passed, then it may be under way", [full, tuesday], "2026-11-25T03:00:00Z", undefined],
    ["the week's day passed without a full one", [full, tuesday], "2026-11-29T09:00:00Z", "FullMissed full"],
    ["three days were skipped with the week's in them", [full, tuesday], "2026-12-01T01:00:00Z", "FullMissed full"],
    [
      "today's has wrong checksums, then it is no backup",
      [full, aDiff(full, "2026-11-25T01:31:00Z", { error: true })],
      "2026-11-25T09:00:00Z",
      "DailyMissed diff",
    ],
    [
      "one was stamped by a clock that was ahead, then it hides nothing",
      [full, tuesday, aDiff(full, "2029-01-01T01:30:00Z")],
      "2026-11-25T09:00:00Z",
      "DailyMissed diff",
    ],
  ] as const)("given %s", (_, backups, now, expected) => {
    expect(missed(backups, now)).toBe(expected);
  });
});
