import type { ReportedBackup } from "../../api/backup-report.ts";
import { byLabel, calendarOf, type Retention, type Schedule, standingFor, type Tier, tiers } from "./calendar.ts";

/** Why a backup is kept. */
export type KeptFor =
  | Tier
  /** A restore to a moment of the window begins at it. */
  | "pointInTime"
  /** There must be one to begin from, whatever the numbers say. */
  | "newestFull"
  /** Another that is kept builds upon it. */
  | "neededByOthers"
  /** It began later than now: the clock was or is wrong, and which of them nobody knows. It counts for nothing else. */
  | "fromTheFuture"
  /** Its pages had wrong checksums, and nothing newer is sound: better than nothing for whoever has to mend that. */
  | "nothingBetter";

/** What is to be kept and what may go. Acting upon half of it, or twice, harms nothing. */
export interface RetentionPlan {
  /** By label. */
  readonly kept: ReadonlyMap<string, ReadonlySet<KeptFor>>;
  /** Labels for `expire --set`, one after the other: what depends on another comes before it. */
  readonly expire: readonly string[];
  /**
   * The full backup from which on every segment is kept (`retentionArchive` makes pgBackRest's number of it). Of older
   * backups pgBackRest keeps the segments that make each whole. Undefined: no segment may go.
   */
  readonly walFrom: string | undefined;
}

const dayMs = 86_400_000;

/**
 * What the backups of a repository are kept for.
 *
 * Guarantees: each of the newest days, weeks and months with a sound backup keeps one, as many as `retention` says; a
 * restore can begin for every second of the window, and its segments are kept; what a kept one builds upon is kept; the
 * newest sound full backup is kept. `now` alone expires nothing.
 *
 * @param periodsOf the schedule's calendar, where plans that follow one another share it.
 */
export function planRetention(
  backups: readonly ReportedBackup[],
  retention: Retention,
  schedule: Schedule,
  now: Date,
  periodsOf = calendarOf(schedule),
): RetentionPlan {
  const standing = (tier: Tier, count: number, of: readonly ReportedBackup[]) =>
    standingFor(tier, count, of, periodsOf);
  const kept = new Map<string, Set<KeptFor>>();
  const keep = (why: KeptFor, chosen: readonly ReportedBackup[]) => {
    for (const { label } of chosen) kept.set(label, (kept.get(label) ?? new Set<KeptFor>()).add(why));
  };
  const [future, present] = partition(backups, ({ startedAt }) => Date.parse(startedAt) > now.getTime());
  const [sound, unsound] = partition(present, (backup) => isSound(backup, backups));
  const newestFull = sound
    .filter(({ type }) => type === "full")
    .toSorted(byLabel)
    .at(-1);
  const windowDays = standing("daily", retention.pointInTimeDays + coveringDays, sound);
  const anchor = windowAnchor(sound, windowDays, retention);

  for (const tier of tiers) keep(tier, standing(tier, retention[tier], sound));
  keep("pointInTime", anchor ? [...windowDays, anchor] : windowDays);
  keep("newestFull", newestFull ? [newestFull] : []);
  keep("fromTheFuture", future);
  const newestSound = sound.toSorted(byLabel).at(-1);
  const afterIt = unsound.filter((backup) => !newestSound || byLabel(backup, newestSound) > 0);
  keep("nothingBetter", standing("daily", retention.daily, afterIt));
  for (const label of [...kept.keys()]) keep("neededByOthers", priorsOf(label, backups));

  const newestFirst = backups.toSorted(byLabel).toReversed();
  return {
    kept,
    expire: newestFirst.map(({ label }) => label).filter((label) => !kept.has(label)),
    walFrom: anchor && baseOf(anchor, backups),
  };
}

/**
 * Days beyond the window whose backups are kept for it: one, since a restore to the window's first second begins at a
 * backup that had ended by then, and one more, since the newest day may be today. Without them it would begin at one
 * of the week before, and replay that much more.
 */
const coveringDays = 2;

/**
 * The newest backup at which a restore to the window's first second can begin: it ended a window before the newest one
 * did, and backups of as many days lie after it. The first alone would trust the clock by which they are stamped.
 * Where there is none, the oldest.
 */
function windowAnchor(
  sound: readonly ReportedBackup[],
  windowDays: readonly ReportedBackup[],
  { pointInTimeDays }: Retention,
): ReportedBackup | undefined {
  const newestFirst = sound.toSorted(byLabel).toReversed();
  const [newest] = newestFirst;
  const oldestOfDays = windowDays.at(-1);
  if (!newest || !oldestOfDays || windowDays.length < pointInTimeDays + coveringDays) return newestFirst.at(-1);
  const endedBy = Date.parse(newest.finishedAt) - pointInTimeDays * dayMs;
  const begins = (backup: ReportedBackup) =>
    byLabel(backup, oldestOfDays) <= 0 && Date.parse(backup.finishedAt) <= endedBy;
  return newestFirst.find(begins) ?? newestFirst.at(-1);
}

/** Restorable as far as the list tells: neither it nor what it builds upon has an error or is gone. */
export function isSound(backup: ReportedBackup, backups: readonly ReportedBackup[]): boolean {
  const chain = [backup, ...priorsOf(backup.label, backups)];
  return chain.every(({ error }) => !error) && chain.at(-1)?.type === "full";
}

/** What a backup builds upon and is in the list, its full one last. */
function priorsOf(label: string, backups: readonly ReportedBackup[]): readonly ReportedBackup[] {
  const found = backups.find((backup) => backup.label === label);
  const prior = found?.prior === undefined ? undefined : backups.find((backup) => backup.label === found.prior);
  return prior ? [prior, ...priorsOf(prior.label, backups)] : [];
}

function baseOf(backup: ReportedBackup, backups: readonly ReportedBackup[]): string {
  return (priorsOf(backup.label, backups).at(-1) ?? backup).label;
}

function partition<T>(items: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  const [yes, no]: [T[], T[]] = [[], []];
  for (const item of items) (first(item) ? yes : no).push(item);
  return [yes, no];
}
