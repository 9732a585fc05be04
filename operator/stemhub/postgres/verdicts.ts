import { rfc3339, type Verdict } from "../conditions.ts";
import type { Writes } from "./probe/findings.ts";
import { mostRebuilds } from "./rebuild.ts";
import type { RestartDecision } from "./restart.ts";
import type { Topology } from "./topology.ts";

/** What the database's conditions are judged from. */
export interface DatabaseFacts {
  readonly topology: Topology;
  /** spec.database.instances: how many members are wanted. */
  readonly instances: number;
  /** What keeps a pod from starting, by the sentence of the first pod that has such a trouble. */
  readonly podTrouble: string | undefined;
  /** The name of the StatefulSet, for messages. */
  readonly name: string;
}

/** What DatabaseAvailable is judged by beside the members. */
export interface AvailabilityFacts {
  /** The condition's former reason. What has never been available is Starting, not in trouble. */
  readonly reason: string | undefined;
  /** What the primary itself has shown; undefined while it has not been asked. */
  readonly writes: Writes | undefined;
  /** Why the database is read-only, if its volume is full. */
  readonly volumeFull: string | undefined;
}

/** DatabaseAvailable: can the app read and write? The first rule that speaks wins. */
export function databaseAvailable(
  facts: DatabaseFacts,
  { reason: before, writes, volumeFull }: AvailabilityFacts,
): Verdict {
  const type = "DatabaseAvailable";
  const { topology, name } = facts;
  if (topology.primary) {
    if (volumeFull) return { type, status: "False", reason: "VolumeFull", message: volumeFull };
    if (writes?.state === "unanswered") return { type, status: "False", ...silence(facts, topology.primary, writes) };
    return { type, status: "True", reason: "PrimaryReady", message: `${topology.primary} is primary and ready.` };
  }
  if (facts.podTrouble) return { type, status: "False", reason: "PodNotStarting", message: facts.podTrouble };
  if (!topology.initialized || before === "Starting") {
    return {
      type,
      status: "False",
      reason: "Starting",
      message: `${name} is being created for the first time. Should it last: kubectl logs ${name}-0.`,
    };
  }
  if (!topology.members.some((member) => member.ready)) {
    return {
      type,
      status: "False",
      reason: "NoMemberReady",
      message: `No member of ${name} is ready. Look at: kubectl describe pod ${name}-0, and kubectl logs ${name}-0.`,
    };
  }
  return {
    type,
    status: "False",
    reason: "NoPrimary",
    message: `${name} has no primary: reads go on, writes wait for Patroni to promote a replica.`,
  };
}

/** Why a primary that Patroni and kubelet call well answers no write. */
function silence(
  { topology, instances }: DatabaseFacts,
  primary: string,
  { sinceMs, reads }: Extract<Writes, { state: "unanswered" }>,
): { readonly reason: string; readonly message: string } {
  const since = `since ${rfc3339(sinceMs)}`;
  if (!reads) {
    return {
      reason: "NotAnswering",
      message: `${primary} is primary and answers nothing ${since}: its PostgreSQL hangs. Patroni makes another the primary when its lock runs out.`,
    };
  }
  const standby = topology.members.some((member) => member.pod !== primary && member.inSync);
  if (instances > 1 && !standby) {
    return {
      reason: "NoStandby",
      message: `No replica holds what is written: reads go on, writes wait ${since}, since synchronous: required promises that none is lost. See docs/runbooks/both-standbys-gone.md.`,
    };
  }
  return {
    reason: "WritesNotAnswered",
    message: `${primary} answers reads and no writes ${since}. Look at: kubectl logs ${primary}, and SELECT pid, wait_event, query FROM pg_stat_activity.`,
  };
}

/**
 * DatabaseRedundant: would losing any one member lose nothing? Every wanted member must be in sync.
 *
 * @param before the condition's former reason, and how many members were wanted then. A database that has never been
 *   whole, also since it was to grow, is Forming, and Ready waits for it; one that was whole and lost a member is
 *   MembersMissing, and goes on being Ready.
 */
export function databaseRedundant(
  facts: DatabaseFacts,
  before: {
    readonly reason: string | undefined;
    readonly instances: number | undefined;
    /** Members that are not rebuilt again. */
    readonly givenUp: readonly string[];
  },
): Verdict {
  const type = "DatabaseRedundant";
  const wanted = facts.topology.members.filter((member) => member.ordinal < facts.instances);
  const inSync = wanted.filter((member) => member.inSync).length;
  const summary = databaseSummary(facts);
  if (facts.instances === 1) {
    return {
      type,
      status: "False",
      reason: "SingleInstance",
      message: "One instance has no replica. Set spec.database.instances to 3 for redundancy.",
    };
  }
  if (inSync >= facts.instances) return { type, status: "True", reason: "AllInSync", message: `${summary}.` };
  const grown = before.instances !== undefined && before.instances < facts.instances;
  const wasWhole = !grown && wholeBefore.has(before.reason ?? "");
  const behind = Array.from({ length: facts.instances }, (_, i) => `${facts.name}-${i}`).filter(
    (pod) => !facts.topology.members.some((member) => member.pod === pod && member.inSync),
  );
  const givenUp = behind.find((pod) => before.givenUp.includes(pod));
  if (givenUp) {
    return {
      type,
      status: "False",
      reason: "RebuildFailed",
      message: `${summary}: ${givenUp} was rebuilt ${mostRebuilds} times within six hours and is not in sync. Look at: kubectl logs ${givenUp}; then docs/runbooks/replica-will-not-rejoin.md.`,
    };
  }
  return {
    type,
    status: "False",
    reason: wasWhole ? "MembersMissing" : "Forming",
    message: facts.podTrouble ?? `${summary}: waiting for ${behind.join(", ")}.`,
  };
}

/**
 * What of the spec the members do not carry yet: a restart that goes from one to the next, or members that are to leave.
 * Undefined when all of it is carried out.
 *
 * @param restart what is being done about it
 */
export function databaseChange(
  { topology, instances, podTrouble }: DatabaseFacts,
  restart: RestartDecision,
): { readonly reason: string; readonly message: string } | undefined {
  const { members, settled } = topology;
  const outdated = members.filter((member) => member.outdated).map((member) => member.pod);
  if (!settled || outdated.length > 0) {
    const next = podTrouble ?? ("message" in restart ? restart.message : "");
    const who = outdated.length > 0 ? `still to restart: ${outdated.join(", ")}. ` : "";
    return { reason: "MembersRestarting", message: `A change of the database is carried out; ${who}${next}` };
  }
  if (members.length <= instances) return undefined;
  const leaving = members.filter((member) => member.ordinal >= instances).map((member) => member.pod);
  return { reason: "MembersLeaving", message: `To leave when those that stay are in sync: ${leaving.join(", ")}.` };
}

/** It has been whole, and what it is now is a loss. */
const wholeBefore = new Set(["AllInSync", "MembersMissing", "RebuildFailed"]);

/** "3/3 in sync": the printed column. */
export function databaseSummary({ topology, instances }: Pick<DatabaseFacts, "topology" | "instances">): string {
  const inSync = topology.members.filter((member) => member.inSync && member.ordinal < instances).length;
  return `${inSync}/${instances} in sync`;
}
