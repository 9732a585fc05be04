import { z } from "zod";
import type { Row } from "./session.ts";

/** What the primary says of the archive of its WAL. */
export interface ArchiveFacts {
  /** It archives at all: not before the restart that brings it what it archives with. */
  readonly on: boolean;
  /** The last attempt failed. */
  readonly failing: boolean;
  /** What this primary has archived last; undefined where it has not archived anything yet. */
  readonly lastSegment: string | undefined;
  /** Segments that are full and not archived, and the first of them. */
  readonly waiting: { readonly segments: number; readonly oldest: string | undefined };
  /**
   * For how long nothing has been safe in the archive, in seconds: since the oldest waiting segment was full, or since the last one
   * was archived. The loss of every member would cost so much.
   */
  readonly lagSeconds: number;
  /** What pgBackRest said when it failed last (workloads/postgres/bin/archive-segment); it may have been mended since. */
  readonly report: ArchiveReport | undefined;
}

/** As archive-segment writes it. */
const reportSchema = z.object({
  /** pgBackRest's exit code. Source: its src/build/error/error.yaml */
  code: z.string(),
  words: z.string(),
});

/** Why a segment was not archived. */
export type ArchiveReport = Readonly<z.output<typeof reportSchema>>;

/**
 * Run on the primary. Its counts begin with its own start, and are old where it was primary before: so nothing is late that is
 * younger than its last promotion, which wrote the newest history, unless a segment waits.
 */
export const archiveQuery = `
SELECT
  current_setting('archive_mode') AS mode,
  coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing,
  last_archived_wal AS last, waiting, oldest,
  extract(epoch FROM clock_timestamp()
    - least(since, greatest(last_archived_time, pg_postmaster_start_time(), promoted)))::float8 AS lag,
  obj_description('stemhub'::regnamespace, 'pg_namespace') AS report
FROM pg_stat_archiver,
  (SELECT count(*) AS waiting, min(substr(name, 1, 24)) AS oldest, min(modification) AS since
   FROM pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}([.]partial)?[.]ready$') AS queue,
  (SELECT max(modification) AS promoted FROM pg_ls_waldir() WHERE name ~ '[.]history$') AS histories`;

/** Errors: Error when the answer is not what the query asks for. */
export function readArchive([row]: readonly Row[]): ArchiveFacts {
  const [segments, lag] = [Number(row?.waiting), Number(row?.lag)];
  if (typeof row?.mode !== "string" || Number.isNaN(segments) || Number.isNaN(lag)) {
    throw new Error(`no account of the archive: ${JSON.stringify(row)}`);
  }
  return {
    on: row.mode !== "off",
    failing: row.failing === true,
    lastSegment: text(row.last),
    waiting: { segments, oldest: text(row.oldest) },
    lagSeconds: Math.max(0, lag),
    report: report(text(row.report)),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Undefined where there is none: what is no report is a comment of somebody else's. */
function report(comment: string | undefined): ArchiveReport | undefined {
  if (!comment?.startsWith("{")) return undefined;
  try {
    return reportSchema.parse(JSON.parse(comment));
  } catch {
    return undefined;
  }
}
