import type { BackupSpec } from "../../api/backup.ts";
import type { ArchiveStatus } from "../../api/backup-status.ts";
import type { StemHub } from "../../api/stemhub.ts";
import { rfc3339 } from "../conditions.ts";
import type { ArchiveFacts } from "../postgres/probe/archive.ts";
import { archiveTrouble } from "./archive-trouble.ts";

/** What the state of the archive is judged by. */
export interface ArchiveHealthFacts {
  readonly stemhub: StemHub;
  readonly backup: BackupSpec;
  /** Undefined while the primary has not been asked: what was known stands. */
  readonly archive: ArchiveFacts | undefined;
  /** The former report. */
  readonly before: ArchiveStatus | undefined;
  readonly now: number;
}

/** One upload that fails is none to tell; nor is a minute in which the store is busy. */
const failingSeconds = 15;
const behindSeconds = 60;

/** From how many seconds of lag on a pass is due: a segment waits for the timeout itself, and that is no lag. */
export function archiveLagBounds({ archiveTimeoutSeconds }: BackupSpec): readonly number[] {
  return [archiveTimeoutSeconds + failingSeconds, archiveTimeoutSeconds + behindSeconds];
}

type Rule = (
  archive: ArchiveFacts,
  facts: ArchiveHealthFacts,
) => { readonly state: ArchiveStatus["state"]; readonly message: string } | undefined;

/** The first that speaks. What a person must mend comes before what mends itself. */
const rules: readonly Rule[] = [
  function notYet({ on }) {
    if (on) return undefined;
    return { state: "Starting", message: "The members restart one at a time, and archive from then on." };
  },
  /** What never worked is told at once: somebody has just written the spec. */
  function notArriving({ failing, lastSegment, lagSeconds, report }, { stemhub, backup }) {
    const [patience = 0] = archiveLagBounds(backup);
    if (!failing || (lastSegment !== undefined && lagSeconds < patience)) return undefined;
    const trouble = archiveTrouble(stemhub, backup, report);
    return { state: "Failing", message: `No write-ahead log arrives in the repository. ${trouble} ${kept}` };
  },
  /** Down to half of it, so that what goes up and down by a little is told once. */
  function late({ lagSeconds, waiting }, { backup, before }) {
    const [until = 0, from = 0] = archiveLagBounds(backup);
    if (lagSeconds < (before?.state === "Behind" || before?.state === "Failing" ? until : from)) return undefined;
    const segments = `${waiting.segments} segments wait${waiting.oldest ? `, the first is ${waiting.oldest}` : ""}`;
    return {
      state: "Behind",
      message: `The repository is ${Math.round(lagSeconds)} s behind: ${segments}. It catches up by itself unless more is written than it takes. ${kept}`,
    };
  },
  function arriving({ lastSegment }, { backup }) {
    if (lastSegment === undefined) {
      return { state: "Starting", message: "The first segment of write-ahead log is on its way." };
    }
    const { archiveTimeoutSeconds } = backup;
    return { state: "Archiving", message: `What is written is in the repository within ${archiveTimeoutSeconds} s.` };
  },
];

const kept = "Nothing is lost: PostgreSQL keeps it on its volume. See docs/runbooks/archive-behind.md.";

/** How the WAL gets into the repository. A state that goes on keeps its words and its time, unless the trouble is another. */
export function archiveHealth(facts: ArchiveHealthFacts): ArchiveStatus | undefined {
  const { archive, before, now } = facts;
  if (!archive) return before;
  const found = rules.map((rule) => rule(archive, facts)).find((result) => result !== undefined);
  if (!found) throw new Error("a rule speaks of every archive");
  const same = before?.state === found.state;
  // The words of these have figures.
  if (same && (found.state === "Behind" || before.message === found.message)) return before;
  return { ...found, since: same ? before.since : rfc3339(now) };
}
