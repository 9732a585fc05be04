import { describe, expect, test } from "vitest";
import { type ReportedBackup, retentionArchive } from "../../api/backup-report.ts";
import { aDiff, aFull } from "../../testing/backups.ts";
import type { Retention, Schedule } from "./calendar.ts";
import { type KeptFor, planRetention } from "./retention.ts";

const schedule: Schedule = { time: "02:30", timeZone: "Europe/Berlin", weekday: "Sunday" };
const retention: Retention = { pointInTimeDays: 1, daily: 2, weekly: 2, monthly: 2 };
const now = new Date("2026-11-25T09:00:00Z");

/** 2026-11-22, a Sunday, and the Sundays before it. */
const sunday = aFull("2026-11-22T01:30:00Z");
const weekAgo = aFull("2026-11-15T01:30:00Z");
const twoWeeksAgo = aFull("2026-11-08T01:30:00Z");
const october = aFull("2026-10-04T00:30:00Z");
const monday = aDiff(sunday, "2026-11-23T01:30:00Z");
const tuesday = aDiff(sunday, "2026-11-24T01:30:00Z");
const wednesday = aDiff(sunday, "2026-11-25T01:30:00Z");
const week = [sunday, monday, tuesday, wednesday];

function plan(backups: readonly ReportedBackup[], at = now, promised = retention) {
  const { kept, expire, walFrom } = planRetention(backups, promised, schedule, at);
  const whyOf = (backup: ReportedBackup): readonly KeptFor[] => [...(kept.get(backup.label) ?? [])];
  return { whyOf, expire, walFrom };
}

describe("what a backup is kept for", () => {
  test("given four days of a week, then the newest days count, the window's, and their full one", () => {
    const { whyOf, expire } = plan(week);
    expect(whyOf(wednesday)).toEqual(["daily", "pointInTime"]);
    expect(whyOf(tuesday)).toEqual(["daily", "pointInTime"]);
    expect(whyOf(monday)).toEqual(["pointInTime"]);
    expect(whyOf(sunday)).toEqual(["weekly", "monthly", "newestFull", "neededByOthers"]);
    expect(expire).toEqual([]);
  });

  test("given two on one day, then its newest stands for the day", () => {
    const again = aDiff(sunday, "2026-11-25T08:00:00Z");
    const { whyOf, expire } = plan([...week, again]);
    expect(whyOf(again)).toContain("daily");
    expect(expire).toEqual([wednesday.label]);
  });

  test("given two full ones in a week, then the first stays the week's", () => {
    const { whyOf } = plan([...week, aFull("2026-11-25T08:00:00Z")]);
    expect(whyOf(sunday)).toContain("weekly");
  });

  test("given a week without a full one, then its newest stands for it, and keeps what it builds upon", () => {
    const later = aDiff(weekAgo, "2026-11-23T01:30:00Z");
    const { whyOf } = plan([weekAgo, later]);
    expect(whyOf(later)).toContain("weekly");
    expect(whyOf(weekAgo)).toContain("neededByOthers");
  });

  test("given a moment that is another day in the schedule's zone, then it counts for that day", () => {
    const lateMonday = aDiff(sunday, "2026-11-23T23:30:00Z");
    const { expire } = plan([sunday, lateMonday, tuesday, wednesday]);
    expect(expire).toEqual([lateMonday.label]);
  });

  test("given more weeks than promised, then they go, but for the month's first", () => {
    const { whyOf, expire } = plan([october, twoWeeksAgo, weekAgo, ...week]);
    expect(expire).toEqual([]);
    expect(whyOf(twoWeeksAgo)).toEqual(["monthly"]);
    const between = aFull("2026-11-10T01:30:00Z");
    expect(plan([october, twoWeeksAgo, between, weekAgo, ...week]).expire).toEqual([between.label]);
  });

  test("given a full one that goes with what builds upon it, then that goes first", () => {
    const gone = aFull("2026-11-10T01:30:00Z");
    const upon = aDiff(gone, "2026-11-11T01:30:00Z");
    const { expire } = plan([twoWeeksAgo, gone, upon, weekAgo, ...week]);
    expect(expire).toEqual([upon.label, gone.label]);
  });
});

describe("backups that are not what they should be", () => {
  test("given wrong checksums, then it stands for nothing, and stays while nothing newer is sound", () => {
    const bad = aDiff(sunday, "2026-11-25T08:00:00Z", { error: true });
    expect(plan([...week, bad]).whyOf(bad)).toEqual(["nothingBetter"]);
    const after = aDiff(sunday, "2026-11-25T08:30:00Z");
    expect(plan([...week, bad, after]).expire).toContain(bad.label);
  });

  test("given one whose full backup has gone, then it stands for nothing", () => {
    const orphan = aDiff(twoWeeksAgo, "2026-11-14T01:30:00Z");
    expect(plan([orphan, ...week]).expire).toEqual([orphan.label]);
  });

  test("given only some with errors, then nothing goes and no segment either", () => {
    const bad = aFull("2026-11-22T01:30:00Z", { error: true });
    expect(plan([bad])).toMatchObject({ expire: [], walFrom: undefined });
  });

  test("given some from later than now, then they stay, and stand for nothing", () => {
    const ahead = [1, 2, 3, 4].map((day) => aFull(`2029-01-0${day}T01:30:00Z`));
    const { whyOf, expire } = plan([...week, ...ahead]);
    expect(ahead.map(whyOf)).toEqual(ahead.map(() => ["fromTheFuture"]));
    expect(expire).toEqual([]);
    expect(whyOf(wednesday)).toContain("daily");
  });

  test("given years without a backup, then nothing goes", () => {
    expect(plan([october, weekAgo, ...week], new Date("2031-01-01T00:00:00Z"))).toMatchObject({ expire: [] });
  });
});

describe("segments", () => {
  test("given a window within a week, then they are kept from its full backup on", () => {
    const { walFrom } = plan([october, weekAgo, ...week]);
    expect(walFrom).toBe(sunday.label);
    expect(retentionArchive([october, weekAgo, ...week], sunday.label)).toBe(1);
  });

  test("given a window that reaches into the week before, then from that one's on, and pgBackRest counts two", () => {
    const { walFrom } = plan([october, weekAgo, ...week], now, { ...retention, pointInTimeDays: 7 });
    expect(walFrom).toBe(october.label);
    const saturday = aDiff(weekAgo, "2026-11-21T01:30:00Z");
    expect(plan([october, weekAgo, saturday, ...week], now, { ...retention, pointInTimeDays: 3 }).walFrom).toBe(
      weekAgo.label,
    );
    expect(retentionArchive([october, weekAgo, saturday, ...week], weekAgo.label)).toBe(2);
  });

  test("given a full backup that has come since, then pgBackRest is told one more", () => {
    const since = aFull("2026-11-25T08:00:00Z");
    expect(retentionArchive([october, weekAgo, ...week, since], sunday.label)).toBe(2);
  });

  test("given that the backup they are kept from has gone, then there is no number", () => {
    expect(retentionArchive([october, weekAgo], sunday.label)).toBeUndefined();
  });
});
