import type { ArchiveStatus } from "../../api/backup-status.ts";
import type { Verdict } from "../conditions.ts";

/** What BackupsRecoverable is judged by. */
export interface RecoverableFacts {
  /** Undefined while the primary has not said how its archive does. */
  readonly archive: ArchiveStatus | undefined;
}

type Rule = (facts: RecoverableFacts) => Omit<Verdict, "type"> | undefined;

/**
 * BackupsRecoverable is the first rule that speaks: could the database be restored to a moment ago, from what is in the
 * repository? What loses more every minute comes first. True needs every rule's silence.
 */
const rules: readonly Rule[] = [
  function archiveUnknown({ archive }) {
    if (archive) return undefined;
    return { status: "Unknown", reason: "NotAsked", message: "The primary has not yet said how its archive does." };
  },
  function archiveStarting({ archive }) {
    if (archive?.state !== "Starting") return undefined;
    return { status: "Unknown", reason: "ArchiveStarting", message: archive.message };
  },
  function archiveFailing({ archive }) {
    if (archive?.state !== "Failing") return undefined;
    return { status: "False", reason: "ArchiveFailing", message: archive.message };
  },
  function archiveBehind({ archive }) {
    if (archive?.state !== "Behind") return undefined;
    return { status: "False", reason: "ArchiveBehind", message: archive.message };
  },
  function backupsUnknown() {
    const message = "Write-ahead log arrives in the repository; whether a backup is there to begin from is not known.";
    return { status: "Unknown", reason: "BackupsUnknown", message };
  },
];

/** BackupsRecoverable, where there are backups. */
export function backupsRecoverable(facts: RecoverableFacts): Verdict {
  const type = "BackupsRecoverable";
  for (const rule of rules) {
    const spoken = rule(facts);
    if (spoken) return { type, ...spoken };
  }
  return { type, status: "True", reason: "Recoverable", message: "The database can be restored to a moment ago." };
}
