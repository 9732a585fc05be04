import { Temporal } from "temporal-polyfill";
import type { ReportedBackup } from "../../api/backup-report.ts";
import { type Schedule, weekdays } from "./calendar.ts";
import { isSound } from "./retention.ts";

/** A moment at which the schedule wants a backup. */
export interface DueBackup {
  readonly at: Date;
  readonly type: "full" | "diff";
}

/**
 * The first moment after `now` at which a backup is due. On a day whose clock skips the hour it is as long after the
 * skip, and on one that has the hour twice it is the first.
 */
export function nextDue(schedule: Schedule, now: Date): DueBackup {
  const today = zoned(now, schedule).toPlainDate();
  // A day's moment may have passed, and a zone's change may put tomorrow's before now: never that of the day after.
  for (const days of [0, 1, 2]) {
    const due = dueOn(today.add({ days }), schedule);
    if (due.at > now) return due;
  }
  throw new Error(`no backup is due within two days of ${now.toISOString()}`);
}

/** The newest moment that has passed by `now`, of a full backup or of any. */
function lastDue(schedule: Schedule, now: Date, wanted: "full" | "any"): DueBackup {
  const today = zoned(now, schedule).toPlainDate();
  for (let ago = 0; ago <= 8; ago++) {
    const day = today.subtract({ days: ago });
    if (wanted === "full" && typeOn(day, schedule) !== "full") continue;
    const due = dueOn(day, schedule);
    if (due.at <= now) return due;
  }
  throw new Error(`no backup was due in the week before ${now.toISOString()}`);
}

/** A backup that should be there and is not. */
export interface MissedBackup extends DueBackup {
  readonly reason: "NoFullBackup" | "FullMissed" | "DailyMissed";
}

/**
 * The backup to make now, since its moment went by without one; the first reason that holds. `graceMs`: jitter and the
 * time that a backup may take. Backups stamped later than `now` prove nothing: the clock was wrong when they were
 * made.
 */
export function missedBackup(
  backups: readonly ReportedBackup[],
  schedule: Schedule,
  now: Date,
  graceMs: number,
): MissedBackup | undefined {
  const sound = backups.filter((one) => Date.parse(one.startedAt) <= now.getTime() && isSound(one, backups));
  const fulls = sound.filter(({ type }) => type === "full");
  const since = (some: readonly ReportedBackup[], { at }: DueBackup) =>
    some.some(({ startedAt }) => Date.parse(startedAt) >= at.getTime());
  if (fulls.length === 0) return { at: now, type: "full", reason: "NoFullBackup" };
  const judgedAt = new Date(now.getTime() - graceMs);
  const lastFull = lastDue(schedule, judgedAt, "full");
  if (!since(fulls, lastFull)) return { ...lastFull, reason: "FullMissed" };
  const last = lastDue(schedule, judgedAt, "any");
  if (!since(sound, last)) return { ...last, type: "diff", reason: "DailyMissed" };
  return undefined;
}

function dueOn(day: Temporal.PlainDate, schedule: Schedule): DueBackup {
  const { time, timeZone } = schedule;
  const at = day.toZonedDateTime({ timeZone, plainTime: Temporal.PlainTime.from(time) });
  return { at: new Date(at.epochMilliseconds), type: typeOn(day, schedule) };
}

function typeOn(day: Temporal.PlainDate, { weekday }: Schedule): DueBackup["type"] {
  return weekdays[day.dayOfWeek - 1] === weekday ? "full" : "diff";
}

function zoned(moment: Date, { timeZone }: Schedule): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(moment.getTime()).toZonedDateTimeISO(timeZone);
}
