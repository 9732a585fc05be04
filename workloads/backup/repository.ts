import { z } from "zod";
import { type ArchiveContent, type ReportedBackup, reportedBackupSchema } from "../../operator/api/backup-report.ts";
import { type ArchivedSegment, segmentRanges } from "../../operator/api/wal-segments.ts";

/** What `pgbackrest info --output=json` says, as far as it is read. Times are seconds since 1970. */
const infoSchema = z.array(
  z.object({
    backup: z.array(
      z.object({
        label: z.string(),
        type: z.string(),
        prior: z.string().nullable(),
        timestamp: z.object({ start: z.int(), stop: z.int() }),
        archive: z.object({ start: z.string(), stop: z.string() }),
        info: z.object({ size: z.int(), repository: z.object({ delta: z.int() }) }),
        error: z.boolean().default(false),
      }),
    ),
  }),
);

/** The backups of a repository with one database, oldest first. Errors: a ZodError for an answer of another form. */
export function readBackups(info: string): readonly ReportedBackup[] {
  return infoSchema.parse(JSON.parse(info)).flatMap(({ backup }) =>
    backup.map(({ label, type, prior, timestamp, archive, info: { size, repository }, error }) =>
      reportedBackupSchema.parse({
        label,
        type,
        ...(prior === null ? {} : { prior }),
        startedAt: moment(timestamp.start),
        finishedAt: moment(timestamp.stop),
        sizeBytes: size,
        storedBytes: repository.delta,
        walStart: archive.start,
        walStop: archive.stop,
        error,
      }),
    ),
  );
}

/** What `pgbackrest repo-ls --recurse --output=json archive/STANZA` says, as far as it is read. */
const listingSchema = z.record(z.string(), z.object({ type: z.string(), time: z.int().optional() }));

/** What lies in an archive. */
export interface ArchiveListing {
  readonly segments: readonly ArchivedSegment[];
  /** Where timeline histories are, below the folder that was listed. */
  readonly histories: readonly { readonly timeline: number; readonly path: string }[];
}

/** Whole segments and histories; what else lies there (partial segments, labels of backups) is none of both. */
export function readListing(listing: string): ArchiveListing {
  const files = Object.entries(listingSchema.parse(JSON.parse(listing)));
  const segments = files.flatMap(([path, { time }]) => {
    const name = /\/([0-9A-F]{24})-[0-9a-f]{40}(\.[a-z0-9]+)?$/.exec(path)?.[1];
    return name && time !== undefined ? [{ name, at: moment(time) }] : [];
  });
  const histories = files.flatMap(([path]) => {
    const timeline = /(?:^|\/)([0-9A-F]{8})\.history$/.exec(path)?.[1];
    return timeline ? [{ timeline: Number.parseInt(timeline, 16), path }] : [];
  });
  return { segments, histories };
}

/** A history as PostgreSQL writes it: a line for each timeline before, with the place where it was left and why. */
export function readHistory(timeline: number, text: string): ArchiveContent["histories"][number] {
  const parents = [...text.matchAll(/^(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/gm)].map(([, parent, switchLsn = ""]) => ({
    timeline: Number(parent),
    switchLsn,
  }));
  return { timeline, parents };
}

/** What a report says of an archive. */
export function archiveContent({ segments }: ArchiveListing, histories: ArchiveContent["histories"]): ArchiveContent {
  return { ranges: segmentRanges(segments), histories };
}

function moment(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
