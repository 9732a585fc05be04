import { Temporal } from "temporal-polyfill";
import type { ReportedBackup } from "../../api/backup-report.ts";

export const weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;
export type Weekday = (typeof weekdays)[number];

/** When backups are made. */
export interface Schedule {
  /** Of the clock on the wall, hours and minutes: 02:30. */
  readonly time: string;
  /** A name of the IANA time zone database. */
  readonly timeZone: string;
  /** The day of the full backup, by which a week begins here; on the others it is a differential one. */
  readonly weekday: Weekday;
}

/**
 * What is promised. Periods count from the newest that has a backup, not from the clock: neither a day on which none
 * was made nor a clock that jumps makes an older one worth less.
 */
export interface Retention {
  /** Any second of so many days can be restored. */
  readonly pointInTimeDays: number;
  /** So many days, weeks and months with a backup each. */
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

export const tiers = ["daily", "weekly", "monthly"] as const;
export type Tier = (typeof tiers)[number];

/** The day of a moment, on the calendar of a time zone. */
export type DayOf = (moment: string) => Temporal.PlainDate;

/** One for each plan, since it remembers what it was asked. Errors: RangeError for a time zone that nobody knows. */
export function calendarOf(timeZone: string): DayOf {
  // Sweden writes a date as ISO 8601 does. Ten times as fast as asking Temporal for the zone each time.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" });
  const known = new Map<string, Temporal.PlainDate>();
  return (moment) => {
    const day = known.get(moment) ?? Temporal.PlainDate.from(format.format(new Date(moment)));
    known.set(moment, day);
    return day;
  };
}

/** The day, week or month of a backup, as a word that sorts as time does. */
function periodOf(tier: Tier, day: Temporal.PlainDate, weekday: Weekday): string {
  switch (tier) {
    case "daily":
      return day.toString();
    case "weekly":
      return day.subtract({ days: (day.dayOfWeek - 1 - weekdays.indexOf(weekday) + 7) % 7 }).toString();
    case "monthly":
      return day.toPlainYearMonth().toString();
  }
}

/**
 * The backups that stand for the newest `count` periods which have one, newest period first. A day's is its newest. A
 * week's and a month's is its first full one, so that it stays the same while others come; where a full one failed,
 * its newest.
 */
export function standingFor(
  tier: Tier,
  count: number,
  backups: readonly ReportedBackup[],
  dayOf: DayOf,
  weekday: Weekday,
): readonly ReportedBackup[] {
  const oldestFirst = backups.toSorted(byLabel);
  const periods = Map.groupBy(oldestFirst, ({ startedAt }) => periodOf(tier, dayOf(startedAt), weekday));
  const newest = [...periods].toSorted(([a], [b]) => (a < b ? 1 : -1)).slice(0, count);
  return newest.flatMap(([, members]) => {
    const full = tier === "daily" ? undefined : members.find(({ type }) => type === "full");
    return full ?? members.at(-1) ?? [];
  });
}

/** pgBackRest's own order, which is that of time. */
export function byLabel(one: ReportedBackup, other: ReportedBackup): number {
  const [a, b] = [moment(one.label), moment(other.label)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A dependent backup's label begins with that of its full one, and ends with its own moment. */
function moment(label: string): string {
  return label.split("_").at(-1) ?? label;
}
