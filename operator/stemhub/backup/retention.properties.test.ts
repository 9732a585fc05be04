import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import type { ReportedBackup } from "../../api/backup-report.ts";
import { aDiff, aFull } from "../../testing/backups.ts";
import { calendarOf, type Retention, type Schedule, type Tier, tiers, weekdays } from "./calendar.ts";
import { missedBackup, nextDue } from "./due.ts";
import { planRetention } from "./retention.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;
const begin = Date.parse("2026-01-05T12:00:00Z");
const end = begin + 5 * 365 * dayMs;

const someSchedule: fc.Arbitrary<Schedule> = fc.record({
  time: fc.constantFrom("00:00", "01:30", "02:30", "23:55"),
  timeZone: fc.constantFrom("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"),
  weekday: fc.constantFrom(...weekdays),
});
const promised: Retention = { pointInTimeDays: 7, daily: 7, weekly: 4, monthly: 12 };
const someRetention: fc.Arbitrary<Retention> = fc.oneof(
  fc.constant(promised),
  fc.record({
    pointInTimeDays: fc.integer({ min: 1, max: 35 }),
    daily: fc.integer({ min: 1, max: 31 }),
    weekly: fc.integer({ min: 0, max: 8 }),
    monthly: fc.integer({ min: 0, max: 24 }),
  }),
);
/** Days, counted from the first, on which something is so. */
const someDays = (max: number) =>
  fc.record({ from: fc.integer({ min: 0, max: 5 * 365 }), days: fc.integer({ min: 1, max }) });
type Days = { readonly from: number; readonly days: number };
const someYears = fc.record({
  schedule: someSchedule,
  retention: someRetention,
  missedPercent: fc.constantFrom(0, 3, 30),
  unsoundPercent: fc.constantFrom(0, 2, 20),
  /** Nothing is made at all: the CronJob's clock skipped them, or the store was away. */
  absences: fc.array(someDays(60), { maxLength: 4 }),
  /** The operator's clock is wrong, by days. */
  jumps: fc.array(fc.tuple(someDays(20), fc.constantFrom(-400, -3, 3, 1200)), { maxLength: 4 }),
  dice: fc.infiniteStream(fc.integer({ min: 0, max: 99 })),
});
type Years = typeof someYears extends fc.Arbitrary<infer T> ? T : never;

/** The repository after each plan was carried out, and all sound backups that were ever made. */
interface Moment {
  readonly at: number;
  readonly held: readonly ReportedBackup[];
  readonly made: readonly ReportedBackup[];
  /** All segments from this moment on are there; of older ones only what makes each backup whole. */
  readonly walFrom: number;
  readonly clockIsBehind: boolean;
}

/** Five years of backups by the schedule, each followed by its plan. Calls `look` before and after every plan. */
function live({ schedule, retention, dice, ...years }: Years, look: (moment: Moment) => void): void {
  let held: ReportedBackup[] = [];
  const made: ReportedBackup[] = [];
  let walFrom = 0;
  const calendar = calendarOf(schedule);
  const roll = () => dice.next().value;
  for (let due = nextDue(schedule, new Date(begin)); due.at.getTime() < end; due = nextDue(schedule, due.at)) {
    const dayNumber = Math.floor((due.at.getTime() - begin) / dayMs);
    if (years.absences.some((days) => isIn(days, dayNumber)) || roll() < years.missedPercent) continue;
    const startedAt = new Date(due.at.getTime() + (roll() % 20) * minuteMs).toISOString();
    const missed = missedBackup(held, schedule, new Date(startedAt), 0);
    const full = held.toReversed().find(({ type }) => type === "full");
    const more = {
      finishedAt: new Date(Date.parse(startedAt) + (1 + roll() * 3) * minuteMs).toISOString(),
      error: roll() < years.unsoundPercent,
    };
    const type = missed?.type ?? due.type;
    const backup = type === "full" || !full ? aFull(startedAt, more) : aDiff(full, startedAt, more);
    held.push(backup);
    if (!backup.error && (backup.prior === undefined || !full?.error)) made.push(backup);

    const at = Date.parse(backup.finishedAt);
    const offset = years.jumps.find(([days]) => isIn(days, dayNumber))?.[1] ?? 0;
    look({ at, held, made, walFrom, clockIsBehind: offset < 0 });
    const plan = planRetention(held, retention, schedule, new Date(at + offset * dayMs), calendar);
    const gone = new Set(plan.expire);
    held = held.filter(({ label }) => !gone.has(label));
    const base = held.find(({ label }) => label === plan.walFrom);
    if (base) walFrom = Math.max(walFrom, Date.parse(base.startedAt));
    look({ at, held, made, walFrom, clockIsBehind: offset < 0 });
  }
}

function isIn({ from, days }: Days, day: number): boolean {
  return day >= from && day < from + days;
}

/** A backup's day, week and month as the promise means them, by Temporal's own zones. */
function periods({ timeZone, weekday }: Schedule): (backup: ReportedBackup) => Readonly<Record<Tier, string>> {
  const known = new Map<string, Readonly<Record<Tier, string>>>();
  return ({ label, startedAt }) => {
    const found = known.get(label);
    if (found) return found;
    const day = Temporal.Instant.from(startedAt).toZonedDateTimeISO(timeZone).toPlainDate();
    let week = day;
    while (weekdays[week.dayOfWeek - 1] !== weekday) week = week.subtract({ days: 1 });
    const made = { daily: `${day}`, weekly: `${week}`, monthly: `${day}`.slice(0, 7) };
    known.set(label, made);
    return made;
  };
}

/** Each is five years; more of them find nothing that these do not, and take two seconds each. */
const runs = { numRuns: 3 };

test("in five years there are never fewer backups than promised, of days, weeks and months", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(someYears, (years) => {
      const of = periods(years.schedule);
      live(years, ({ held, made }) => {
        const sound = new Set(made);
        for (const tier of tiers) {
          // More than the newest 800 backups never count: 24 months of days.
          const ever = [...new Set(made.slice(-800).map((backup) => of(backup)[tier]))];
          const there = new Set(held.filter((one) => sound.has(one)).map((backup) => of(backup)[tier]));
          const lacking = ever.slice(-years.retention[tier] || ever.length).filter((period) => !there.has(period));
          expect(lacking).toEqual([]);
        }
      });
    }),
    runs,
  );
});

test("in five years every second of the window can be restored to, and no backup is without what it builds upon", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(someYears, (years) => {
      live(years, ({ at, held, made, walFrom }) => {
        const labels = new Set(held.map(({ label }) => label));
        expect(held.filter(({ prior }) => prior !== undefined && !labels.has(prior))).toEqual([]);
        const windowBegin = at - years.retention.pointInTimeDays * dayMs;
        const first = made[0];
        if (!first || Date.parse(first.finishedAt) > windowBegin) return;
        const sound = new Set(made);
        const begins = (one: ReportedBackup) =>
          sound.has(one) && Date.parse(one.finishedAt) <= windowBegin && Date.parse(one.startedAt) >= walFrom;
        expect(held.some(begins), `a backup for ${new Date(windowBegin).toISOString()}`).toBe(true);
      });
    }),
    runs,
  );
});

test("in five years no more backups gather than the numbers need, twice over for what they build upon", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(someYears, (years) => {
      const { pointInTimeDays, daily, weekly, monthly } = years.retention;
      const enough = 2 * (daily + daily + (pointInTimeDays + 2) + weekly + monthly + 2);
      let settled = 0;
      live(years, ({ held, clockIsBehind }) => {
        // With a clock that is behind, what comes later is left alone; one moment in two is before its plan.
        if (!clockIsBehind && settled++ % 2 === 1) expect(held.length).toBeLessThanOrEqual(enough);
        if (clockIsBehind) settled = 0;
      });
    }),
    runs,
  );
});
