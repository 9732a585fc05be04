import type { ReportedBackup } from "../api/backup-report.ts";

/** A sound full backup of five minutes that began at `startedAt`, but for what a test changes. */
export function aFull(startedAt: string, more: Partial<ReportedBackup> = {}): ReportedBackup {
  const finishedAt = new Date(Date.parse(startedAt) + 300_000).toISOString();
  return {
    label: `${stamp(startedAt)}F`,
    type: "full",
    startedAt,
    finishedAt,
    sizeBytes: 1_000_000_000,
    storedBytes: 50_000_000,
    walStart: "000000010000000000000002",
    walStop: "000000010000000000000003",
    error: false,
    ...more,
  };
}

/** A differential one upon `full`. */
export function aDiff(full: ReportedBackup, startedAt: string, more: Partial<ReportedBackup> = {}): ReportedBackup {
  const own = { label: `${full.label}_${stamp(startedAt)}D`, type: "diff", prior: full.label } as const;
  return { ...aFull(startedAt), ...own, ...more };
}

/** As pgBackRest writes a moment in a label, where its clock is on UTC. */
function stamp(moment: string): string {
  return new Date(moment).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
}
