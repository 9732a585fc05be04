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

/** The day, week and month of a moment, each as a word that sorts as time does. */
export type PeriodsOf = (moment: string) => Readonly<Record<Tier, string>>;

/**
 * On the calendar of a time zone. It remembers what it was asked: one for each plan, or for plans that follow one another.
 * Errors: RangeError for a time zone that nobody knows.
 */
export function calendarOf({ timeZone, weekday }: Schedule): PeriodsOf {
  // Sweden writes a date as ISO 8601 does. Ten times as fast as asking Temporal for the zone each time.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" });
  const known = new Map<string, Readonly<Record<Tier, string>>>();
  return (moment) => {
    const found = known.get(moment);
    if (found) return found;
    const day = Temporal.PlainDate.from(format.format(new Date(moment)));
    const sinceWeekday = (day.dayOfWeek - 1 - weekdays.indexOf(weekday) + 7) % 7;
    const periods = {
      daily: day.toString(),
      weekly: day.subtract({ days: sinceWeekday }).toString(),
      monthly: day.toPlainYearMonth().toString(),
    };
    known.set(moment, periods);
    return periods;
  };
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
  periodsOf: PeriodsOf,
): readonly ReportedBackup[] {
  const oldestFirst = backups.toSorted(byLabel);
  const periods = Map.groupBy(oldestFirst, ({ startedAt }) => periodsOf(startedAt)[tier]);
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
