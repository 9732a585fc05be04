import type { ArchiveStatus } from "../api/backup-status.ts";
import type { ModesStatus } from "../api/modes.ts";
import type { QueueSummary } from "../api/queue-configuration.ts";
import type { AuthWarning } from "../api/status.ts";
import {
  componentsOf,
  type DatabaseWarning,
  type RebuildStatus,
  type RotationStatus,
  type StemHub,
  type StemHubStatus,
  type SwitchoverStatus,
} from "../api/stemhub.ts";
import type { EventDetails } from "../runtime/events.ts";
import { type AppFacts, appAvailable, componentStatuses, rolloutsUnderWay } from "./app/status.ts";
import { authEvents } from "./auth/trouble.ts";
import { backupsRecoverable } from "./backup/recoverable.ts";
import { nextConditions, type Verdict } from "./conditions.ts";
import { gatewayUrl } from "./gateway/desired.ts";
import { flipEvents } from "./modes/events.ts";
import { isStarting } from "./modes/published.ts";
import { childNames } from "./names.ts";
import { podsOf, type World } from "./observe.ts";
import { firstPodTrouble } from "./pod-trouble.ts";
import { decideGrowth, smallestVolume } from "./postgres/growth.ts";
import type { Findings } from "./postgres/probe/findings.ts";
import { isGivenUp, outOfSyncSince } from "./postgres/rebuild.ts";
import { decideRestart } from "./postgres/restart.ts";
import {
  type DatabaseFacts,
  databaseAvailable,
  databaseChange,
  databaseRedundant,
  databaseSummary,
} from "./postgres/verdicts.ts";
import { deadLetterEvents, queueStatus } from "./queue/report.ts";
import { type Failure, readiness } from "./readiness.ts";
import { type ReleaseFacts, releaseProgressing, releaseStatus } from "./release/rollout.ts";
import type { ReleaseFindings } from "./scope.ts";

/** What a status is computed from. `world` is absent where the operator may not look. */
export interface StatusInput {
  readonly stemhub: StemHub;
  readonly world: World | undefined;
  readonly release: ReleaseFindings;
  readonly switchover?: SwitchoverStatus | undefined;
  readonly rebuilds?: readonly RebuildStatus[];
  readonly rotation?: RotationStatus | undefined;
  readonly findings?: Findings | undefined;
  readonly warnings?: readonly DatabaseWarning[];
  readonly archive?: ArchiveStatus | undefined;
  readonly modes?: ModesStatus | undefined;
  /** What the write queue said; undefined where it did not answer. */
  readonly queue?: QueueSummary | undefined;
  readonly authWarnings?: readonly AuthWarning[];
  readonly failure: Failure | undefined;
  readonly now: number;
}

/** The whole status after a pass: derived from what was seen, and from the former one only for transition times. */
export function computeStatus(input: StatusInput): StemHubStatus {
  const { stemhub, world, release, switchover, rotation, rebuilds = [], findings, warnings = [] } = input;
  const { archive, failure, now } = input;
  const previous = stemhub.status?.conditions ?? [];
  const generation = stemhub.metadata.generation ?? 0;
  if (!world) {
    const verdicts = readiness({ ...unobserved, failure });
    return {
      ...stemhub.status,
      observedGeneration: generation,
      conditions: nextConditions(previous, verdicts, generation, now),
    };
  }
  const facts = databaseFacts(stemhub, world);
  const app = appFacts(stemhub, world);
  const releaseFacts: ReleaseFacts = {
    stemhub,
    rollout: release.rollout,
    underWay: rolloutsUnderWay(app),
    lastLogLine: release.lastLogLine,
  };
  const formerReason = (type: string) => previous.find((condition) => condition.type === type)?.reason;
  const judged = {
    databaseAvailable: databaseAvailable(facts, {
      reason: formerReason("DatabaseAvailable"),
      writes: findings?.primary === world.topology.primary ? findings?.writes : undefined,
      volumeFull: warnings.find(({ reason }) => reason === "VolumeFull")?.message,
    }),
    databaseRedundant: databaseRedundant(facts, {
      reason: formerReason("DatabaseRedundant"),
      instances: stemhub.status?.database?.instances,
      givenUp: world.topology.members.map(({ pod }) => pod).filter((pod) => isGivenUp(pod, rebuilds, now)),
    }),
    appAvailable: appAvailable(app),
    releaseProgressing: releaseProgressing(releaseFacts),
  };
  const outOfSync = outOfSyncSince(world.topology, facts.instances, stemhub.status?.database?.outOfSync ?? [], now);
  const releaseFailed = judged.releaseProgressing.reason === "MigrationFailed";
  const switchoverUnderWay = switchover?.phase === "Requested";
  const volumes = { stemhub, claims: world.claims };
  const volumeSize = smallestVolume(volumes);
  const change =
    databaseChange(facts, decideRestart({ ...facts, switchoverUnderWay })) ?? decideGrowth(volumes).waiting;
  const queue = stemhub.spec.queue && queueStatus(stemhub.status?.queue, input.queue, now);
  const verdicts = [
    ...readiness({ ...judged, databaseChange: change, releaseFailed, failure, starting: isStarting(input.modes) }),
    ...Object.values(judged),
    ...(stemhub.spec.backup ? [backupsRecoverable({ archive })] : []),
  ];
  return {
    observedGeneration: generation,
    conditions: nextConditions(previous, verdicts, generation, now),
    release: releaseStatus(releaseFacts, release.logTail),
    database: {
      ...(world.topology.primary === undefined ? {} : { primary: world.topology.primary }),
      instances: facts.instances,
      ready: world.topology.members.filter((member) => member.ready).length,
      inSync: world.topology.members.filter((member) => member.inSync).length,
      summary: databaseSummary(facts),
      ...(volumeSize === undefined ? {} : { volumeSize }),
      ...(switchover ? { switchover } : {}),
      ...(outOfSync.length > 0 ? { outOfSync } : {}),
      ...(rotation ? { rotation } : {}),
      ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
      ...(rebuilds.length > 0 ? { rebuilds: [...rebuilds] } : {}),
    },
    ...(archive ? { backup: { archive } } : {}),
    ...(input.modes ? { modes: input.modes } : {}),
    ...(queue ? { queue } : {}),
    ...(input.authWarnings?.length ? { auth: { warnings: [...input.authWarnings] } } : {}),
    components: componentStatuses(app),
    gateway: { url: gatewayUrl(stemhub) },
  };
}

/**
 * The first write of a new generation: Ready is Unknown until the edit has been carried out, so that nobody who waits
 * for Ready takes the former generation's word for it. Undefined where this generation has been announced already.
 */
export function announcedStatus(stemhub: StemHub, now: number): StemHubStatus | undefined {
  const generation = stemhub.metadata.generation ?? 0;
  if (stemhub.status?.observedGeneration === generation) return undefined;
  const previous = stemhub.status?.conditions ?? [];
  const message = `Generation ${generation} is being carried out.`;
  const announced: Verdict[] = [
    { type: "Ready", status: "Unknown", reason: "NewGeneration", message },
    { type: "Reconciling", status: "True", reason: "NewGeneration", message },
  ];
  const kept = previous.filter((c) => !["Ready", "Reconciling", "Stalled"].includes(c.type));
  return {
    ...stemhub.status,
    observedGeneration: generation,
    conditions: nextConditions(previous, [...announced, ...kept], generation, now),
  };
}

/** Events for what changed between a StemHub's status and the next one: conditions that are another, a switchover, … */
export function statusEvents(stemhub: StemHub, after: StemHubStatus): EventDetails[] {
  const before = stemhub.status;
  return [
    ...conditionEvents(before, after),
    ...switchoverEvents(before?.database, after.database),
    ...rotationEvents(before?.database, after.database),
    ...rebuildEvents(before?.database, after.database),
    ...warningEvents(before?.database, after.database),
    ...flipEvents(before?.modes, after.modes),
    ...authEvents(before?.auth?.warnings, after.auth?.warnings),
    ...deadLetterEvents(stemhub, before?.queue, after.queue),
  ];
}

function switchoverEvents(before: StemHubStatus["database"], after: StemHubStatus["database"]): EventDetails[] {
  const [former, report] = [before?.switchover, after?.switchover];
  if (!report || (former?.since === report.since && former.phase === report.phase)) return [];
  const bad = report.phase === "Refused" || report.phase === "Failed";
  return [{ type: bad ? "Warning" : "Normal", reason: `Switchover${report.phase}`, note: report.message }];
}

function rotationEvents(before: StemHubStatus["database"], after: StemHubStatus["database"]): EventDetails[] {
  const [former, report] = [before?.rotation, after?.rotation];
  if (!report || (former?.since === report.since && former.phase === report.phase)) return [];
  return [{ type: "Normal", reason: `PasswordRotation${report.phase}`, note: report.message }];
}

function rebuildEvents(before: StemHubStatus["database"], after: StemHubStatus["database"]): EventDetails[] {
  const known = new Set(before?.rebuilds?.map(({ member, at }) => `${member} ${at}`));
  return (after?.rebuilds ?? [])
    .filter(({ member, at }) => !known.has(`${member} ${at}`))
    .map(({ member, reason }) => ({
      type: "Warning",
      reason: "MemberRebuilt",
      note: `${member} is given a new volume and copies the primary anew: ${reason}.`,
    }));
}

/** Not of a volume that is full: DatabaseAvailable tells it. */
function warningEvents(before: StemHubStatus["database"], after: StemHubStatus["database"]): EventDetails[] {
  const known = new Set(before?.warnings?.map(({ reason, about }) => `${reason} ${about}`));
  return (after?.warnings ?? [])
    .filter(({ reason, about }) => reason !== "VolumeFull" && !known.has(`${reason} ${about}`))
    .map(({ reason, message }) => ({ type: "Warning", reason, note: message }));
}

function conditionEvents(before: StemHubStatus | undefined, after: StemHubStatus): EventDetails[] {
  return (after.conditions ?? [])
    .filter((condition) => told.has(condition.type))
    .filter((condition) => {
      const former = before?.conditions?.find((c) => c.type === condition.type);
      return former?.status !== condition.status || former.reason !== condition.reason;
    })
    .map((condition) => ({
      type: condition.status === "False" && !calmReasons.has(condition.reason) ? "Warning" : "Normal",
      reason: condition.reason,
      note: `${condition.type} is ${condition.status}: ${condition.message}`,
    }));
}

/** Conditions whose changes are worth an event; Reconciling and Stalled only repeat Ready. */
const told = new Set([
  "Ready",
  "DatabaseAvailable",
  "DatabaseRedundant",
  "AppAvailable",
  "ReleaseProgressing",
  "BackupsRecoverable",
]);
/** False, and nothing to worry about. */
const calmReasons = new Set(["Starting", "NotYetCreated", "Forming", "SingleInstance", "RolledOut"]);

const notObserved = (type: string): Verdict => ({
  type,
  status: "Unknown",
  reason: "NotObserved",
  message: "Not observed.",
});
const unobserved = {
  databaseAvailable: notObserved("DatabaseAvailable"),
  databaseRedundant: notObserved("DatabaseRedundant"),
  appAvailable: notObserved("AppAvailable"),
  releaseProgressing: notObserved("ReleaseProgressing"),
  databaseChange: undefined,
  releaseFailed: false,
  starting: false,
} as const;

function databaseFacts(stemhub: StemHub, world: World): DatabaseFacts {
  return {
    topology: world.topology,
    instances: stemhub.spec.database.instances,
    podTrouble: firstPodTrouble(podsOf(world, stemhub, "database"))?.message,
    name: childNames(stemhub.metadata.name).database,
  };
}

function appFacts(stemhub: StemHub, world: World): AppFacts {
  const parts = [...componentsOf(stemhub).map(({ name }) => name), "gateway" as const, "queue" as const];
  return { stemhub, deployments: world.deployments, pods: parts.flatMap((part) => podsOf(world, stemhub, part)) };
}
