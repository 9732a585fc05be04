import { z } from "zod";

/** A whole segment's name: timeline, and where in the log, each as eight or twice eight hexadecimal digits. */
const segmentName = z.string().regex(/^[0-9A-F]{24}$/);

/** One backup as the repository lists it (`pgbackrest info --output=json`). */
export const reportedBackupSchema = z.object({
  /** pgBackRest's: the moment of its beginning; of a dependent one after the label of its full backup. */
  label: z.string().regex(/^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/),
  type: z.enum(["full", "diff", "incr"]),
  /** The label of the one that this one builds upon; absent of a full backup. */
  prior: z.string().optional(),
  startedAt: z.iso.datetime(),
  /** A restore can reach this moment and any later one. */
  finishedAt: z.iso.datetime(),
  /** Of the database. */
  sizeBytes: z.int().min(0),
  /** What it added to the repository. */
  storedBytes: z.int().min(0),
  /** Without the segments from here to `walStop` it cannot be restored at all. */
  walStart: segmentName,
  walStop: segmentName,
  /** PostgreSQL's pages had wrong checksums when they were copied. */
  error: z.boolean(),
});

/** Segments that follow each other without a hole, and all that is in the archive between its holes. */
export const archiveRangeSchema = z.object({
  first: segmentName,
  last: segmentName,
  /** When the last one arrived. What is in it was committed before. */
  lastAt: z.iso.datetime(),
});

/** A timeline's descent, from its history file: without it nobody knows where it begins. */
export const timelineHistorySchema = z.object({
  timeline: z.int().min(2),
  /** From the first timeline on; each ends at `switchLsn`, where the next begins. */
  parents: z
    .array(z.object({ timeline: z.int().min(1), switchLsn: z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/) }))
    .min(1),
});

/** One backup as the repository lists it. */
export type ReportedBackup = z.output<typeof reportedBackupSchema>;

/** What the archive holds of write-ahead log. */
export interface ArchiveContent {
  readonly ranges: readonly z.output<typeof archiveRangeSchema>[];
  readonly histories: readonly z.output<typeof timelineHistorySchema>[];
}

/**
 * The number for repo1-retention-archive, with repo1-retention-archive-type=full, that keeps every segment from the
 * full backup `walFrom` on. pgBackRest counts full backups from the newest, so count what is in the repository at that
 * moment, and while no backup is made: one more full backup, and the same number would begin later. Undefined where
 * `walFrom` is not there: then no segment may be expired.
 */
export function retentionArchive(
  backups: readonly Pick<ReportedBackup, "label" | "type">[],
  walFrom: string,
): number | undefined {
  const fulls = backups.filter(({ type }) => type === "full");
  if (!fulls.some(({ label }) => label === walFrom)) return undefined;
  return fulls.filter(({ label }) => label >= walFrom).length;
}
