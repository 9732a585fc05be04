import type { ArchiveFacts } from "../stemhub/postgres/probe/archive.ts";

/** What a primary says whose WAL arrives in the archive, but for what a test changes. */
export function anArchive(more: Partial<ArchiveFacts> = {}): ArchiveFacts {
  return {
    on: true,
    failing: false,
    lastSegment: "000000010000000000000007",
    waiting: { segments: 0, oldest: undefined },
    lagSeconds: 12,
    report: undefined,
    ...more,
  };
}
