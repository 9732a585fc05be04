import type { StemHub, StemHubStatus } from "../../api/stemhub.ts";
import { assertNever } from "../../runtime/errors.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import type { Verdict } from "../conditions.ts";
import { childNames } from "../names.ts";
import { firstPodTrouble } from "../pod-trouble.ts";
import { migrationHash } from "./job.ts";

/** Where the release's migration stands: what may be done now, and why not more. */
export type Rollout =
  /** The release has no migration: components may roll. */
  | { readonly step: "NoMigration" }
  /** The ledger or the Job says that it succeeded: components may roll. */
  | { readonly step: "Migrated"; readonly hash: string }
  /** A migration needs a primary that takes writes. */
  | { readonly step: "WaitingForDatabase"; readonly hash: string }
  /** Its Job is to be created. */
  | { readonly step: "CreateJob"; readonly hash: string }
  | { readonly step: "Running"; readonly hash: string; readonly trouble: string | undefined }
  /** Components keep their former images until a new spec, or until somebody deletes the Job. */
  | { readonly step: "Failed"; readonly hash: string; readonly message: string };

/** What a rollout is decided from. */
export interface RolloutFacts {
  readonly stemhub: StemHub;
  readonly databaseAvailable: boolean;
  /** Hashes of migrations that have succeeded. */
  readonly ledger: Readonly<Record<string, string>>;
  readonly jobs: readonly KubeObject[];
  /** Pods of migrations. */
  readonly pods: readonly KubeObject[];
}

/** Decides where the migration stands. The first rule that speaks wins. */
export function decideRollout({ stemhub, databaseAvailable, ledger, jobs, pods }: RolloutFacts): Rollout {
  const hash = migrationHash(stemhub);
  if (hash === undefined) return { step: "NoMigration" };
  // Before the Job: it may have been deleted since, and the migration must not run again.
  if (ledger[hash] !== undefined) return { step: "Migrated", hash };
  const name = childNames(stemhub.metadata.name).migration(hash);
  const job = jobs.find((candidate) => candidate.metadata.name === name);
  const conditions = ((job?.status as { conditions?: JobCondition[] } | undefined)?.conditions ?? []).filter(
    (condition) => condition.status === "True",
  );
  if (conditions.some((condition) => condition.type === "Complete")) return { step: "Migrated", hash };
  const failed = conditions.find((condition) => condition.type === "Failed");
  if (failed) {
    return { step: "Failed", hash, message: `${failed.reason ?? "Failed"}: ${failed.message ?? "no message"}` };
  }
  if (job) {
    const own = pods.filter((pod) => pod.metadata.labels?.["batch.kubernetes.io/job-name"] === name);
    return { step: "Running", hash, trouble: firstPodTrouble(own)?.message };
  }
  return databaseAvailable ? { step: "CreateJob", hash } : { step: "WaitingForDatabase", hash };
}

interface JobCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** May components take the release's images? */
export function mayRollOut(rollout: Rollout): boolean {
  return rollout.step === "NoMigration" || rollout.step === "Migrated";
}

/** What ReleaseProgressing is judged from. */
export interface ReleaseFacts {
  readonly stemhub: StemHub;
  /** Undefined where the pass did not get as far as the release. */
  readonly rollout: Rollout | undefined;
  /** Deployments whose rollout is not at its end, and what holds up the first. */
  readonly underWay: { readonly names: readonly string[]; readonly trouble: string | undefined };
  /** The last line of a failed migration's log. */
  readonly lastLogLine: string | undefined;
}

/** ReleaseProgressing: True while the release is on its way; False when it has arrived, or cannot (MigrationFailed). */
export function releaseProgressing({ stemhub, rollout, underWay, lastLogLine }: ReleaseFacts): Verdict {
  const type = "ReleaseProgressing";
  const release = `Release ${stemhub.spec.release.version}`;
  const job = (hash: string) => `Job ${childNames(stemhub.metadata.name).migration(hash)}`;
  if (!rollout) return { type, status: "Unknown", reason: "NotObserved", message: `${release} was not looked at.` };
  switch (rollout.step) {
    case "WaitingForDatabase":
      return {
        type,
        status: "True",
        reason: rollout.step,
        message: `${release} waits for the database before it migrates.`,
      };
    case "CreateJob":
      return {
        type,
        status: "True",
        reason: "MigrationPending",
        message: `${release}: ${job(rollout.hash)} is being created.`,
      };
    case "Running":
      return {
        type,
        status: "True",
        reason: "MigrationRunning",
        message: rollout.trouble ?? `${release}: ${job(rollout.hash)} is running.`,
      };
    case "Failed":
      return {
        type,
        status: "False",
        reason: "MigrationFailed",
        message:
          `${release}: ${job(rollout.hash)} failed (${rollout.message})${lastLogLine ? `: ${lastLogLine}` : ""}. The former release ` +
          "serves on. Set another release, or mend the cause and delete the Job to run it again.",
      };
    case "NoMigration":
    case "Migrated":
      break;
    default:
      return assertNever(rollout);
  }
  if (underWay.names.length === 0) return { type, status: "False", reason: "RolledOut", message: `${release} runs.` };
  return {
    type,
    status: "True",
    reason: "RollingOut",
    message: underWay.trouble ?? `${release} is rolling out: ${underWay.names.join(", ")}.`,
  };
}

/** status.release: the version once it runs, the former one until then; and the migration. */
export function releaseStatus(facts: ReleaseFacts, logTail: string | undefined): NonNullable<StemHubStatus["release"]> {
  const { stemhub, rollout, underWay } = facts;
  const former = stemhub.status?.release;
  if (!rollout) return { ...former };
  const arrived = mayRollOut(rollout) && underWay.names.length === 0;
  const version = arrived ? stemhub.spec.release.version : former?.version;
  const migration = migrationStatus(stemhub, rollout, logTail);
  return { ...(version === undefined ? {} : { version }), ...(migration ? { migration } : {}) };
}

function migrationStatus(stemhub: StemHub, rollout: Rollout, logTail: string | undefined) {
  if (rollout.step === "NoMigration") return undefined;
  const job = childNames(stemhub.metadata.name).migration(rollout.hash);
  switch (rollout.step) {
    case "Migrated":
      return { job, phase: "Succeeded" } as const;
    case "WaitingForDatabase":
    case "CreateJob":
      return { job, phase: "Pending" } as const;
    case "Running":
      return { job, phase: "Running", ...(rollout.trouble === undefined ? {} : { message: rollout.trouble }) } as const;
    case "Failed":
      return { job, phase: "Failed", message: rollout.message, ...(logTail === undefined ? {} : { logTail }) } as const;
  }
}

/** How many Jobs of former migrations are kept as evidence. */
const keptJobs = 3;

/** Names of the Jobs that are older than the newest few and not of the present release. */
export function jobsToPrune(stemhub: StemHub, jobs: readonly KubeObject[]): string[] {
  const hash = migrationHash(stemhub);
  const present = hash === undefined ? undefined : childNames(stemhub.metadata.name).migration(hash);
  return jobs
    .filter((job) => job.metadata.name !== present)
    .sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1))
    .slice(keptJobs)
    .map((job) => job.metadata.name);
}
