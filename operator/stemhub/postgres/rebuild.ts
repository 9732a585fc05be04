import type { OutOfSyncStatus, RebuildStatus } from "../../api/stemhub.ts";
import type { Member, Topology } from "./topology.ts";

/** PostgreSQL says that it cannot start: Patroni has tried again some ten times by then. */
export const brokenMs = 60_000;

/**
 * Everything else that does not mend itself: kubelet restarts a member that hangs after 60 s, and a former primary is
 * rewound before it starts.
 */
export const stuckMs = 180_000;

/** A member that runs, is ready and receives nothing is restarted first: some process of it hangs, and its copy is good. */
export const restartMs = 60_000;

/** Seconds that such a member is given to end: a standby loses nothing by being killed. */
export const stuckGraceSeconds = 10;

/** The primary itself says that it no longer has what the member needs: only a copy helps. */
export const walRemovedMs = 15_000;

/** A member that breaks again and again has a cause that a new copy does not cure. */
export const mostRebuilds = 3;
export const rebuildWindowMs = 6 * 3_600_000;

/** States of Patroni in which a member is at work on its copy, for hours where there is much of it. */
const busyStates = new Set(["creating replica", "starting", "restarting", "initializing new cluster"]);

/** How soon a member that is out of sync is looked at again: what Patroni says of it wakes nobody. */
const lookAgainMs = 15_000;

/** What is to be done now about copies that do not work. */
export type RebuildDecision =
  | { readonly step: "none" }
  | { readonly step: "wait"; readonly requeueAfterMs: number }
  /** Its pod is to be made again, on the same volume. */
  | { readonly step: "restart"; readonly member: Member; readonly message: string }
  /** Volume claim and pod are to go: the StatefulSet makes both again, and Patroni copies the primary. */
  | { readonly step: "rebuild"; readonly member: Member; readonly report: RebuildStatus };

/** What a rebuild is decided by. */
export interface RebuildFacts {
  readonly topology: Topology;
  /** spec.database.instances. */
  readonly instances: number;
  /** From outOfSyncSince. */
  readonly outOfSync: readonly OutOfSyncStatus[];
  /** Those of the last hours, the newest last. */
  readonly rebuilds: readonly RebuildStatus[];
  /** The primary sends WAL to this member; undefined where it has not been asked. A receiver that hangs says so still. */
  readonly receives: (pod: string) => boolean | undefined;
  /** The primary has removed WAL that this member has not received. */
  readonly walRemoved: (pod: string) => boolean;
  /** Nothing of the copy itself: its node is lost or was just now, its image is not there, no node takes it. */
  readonly hindered: (member: Member) => boolean;
  readonly now: number;
}

/** Members that are wanted and not in sync, and since when: kept from one pass to the next, and to the next leader. */
export function outOfSyncSince(
  { members }: Topology,
  instances: number,
  before: readonly OutOfSyncStatus[],
  now: number,
): OutOfSyncStatus[] {
  return members
    .filter((member) => member.ordinal < instances && !member.inSync)
    .map(
      ({ pod }) => before.find(({ member }) => member === pod) ?? { member: pod, since: new Date(now).toISOString() },
    );
}

/**
 * Replaces the copy of a replica that cannot mend itself: its volume is gone or damaged, or the primary no longer has
 * the WAL that it needs.
 *
 * Guarantees: never the primary, never without one, one a pass, at most `mostRebuilds` within `rebuildWindowMs` each.
 * What merely does not stream is replaced only while another replica does: else the cause may be the primary's, and
 * every copy would go for nothing.
 */
export function decideRebuild(facts: RebuildFacts): RebuildDecision {
  const { topology, instances, outOfSync, now } = facts;
  const { primary, members } = topology;
  if (instances === 1 || outOfSync.length === 0) return { step: "none" };
  const wait: RebuildDecision = { step: "wait", requeueAfterMs: lookAgainMs };
  if (!primary || members.some(({ ending }) => ending)) return wait;
  for (const { member: pod, since } of outOfSync) {
    const member = members.find((one) => one.pod === pod);
    if (!member || pod === primary || facts.hindered(member) || isGivenUp(pod, facts.rebuilds, now)) continue;
    const trouble = troubleOf(member, facts.receives(pod) ?? member.streaming, facts.walRemoved(pod));
    if (!trouble) continue;
    const sinceMs = Date.parse(since);
    if (trouble.restartFirst && member.createdMs < sinceMs) {
      const lastsMs = now - sinceMs;
      if (lastsMs < restartMs) continue;
      return { step: "restart", member, message: `${trouble.what} for ${Math.floor(lastsMs / 1_000)} s` };
    }
    // A pod that was just made is given its time, and so is one whose end has been asked for and not been seen yet.
    const rebuiltMs = facts.rebuilds.filter((one) => one.member === pod).map(({ at }) => Date.parse(at));
    const lastsMs = now - Math.max(sinceMs, member.createdMs, ...rebuiltMs);
    if (lastsMs < trouble.patienceMs) continue;
    const another = members.some((one) => one.inSync && one.pod !== primary);
    if (!trouble.certain && !another) continue;
    const reason = `${trouble.what} for ${Math.floor(lastsMs / 1_000)} s`;
    return { step: "rebuild", member, report: { member: pod, at: new Date(now).toISOString(), reason } };
  }
  return wait;
}

interface Trouble {
  readonly what: string;
  readonly patienceMs: number;
  /** It is this copy's own, whatever the primary does. */
  readonly certain: boolean;
  /** Once, before its copy is given up. */
  readonly restartFirst?: true;
}

function troubleOf({ ready, state, volumeLost }: Member, streaming: boolean, walRemoved: boolean): Trouble | undefined {
  if (volumeLost) return { what: "its volume has been lost", patienceMs: brokenMs, certain: true };
  if (ready && streaming) return undefined;
  if (state !== undefined && busyStates.has(state)) return undefined;
  if (walRemoved) {
    return { what: "the primary has removed WAL that it needs", patienceMs: walRemovedMs, certain: true };
  }
  if (state === "start failed") return { what: "its PostgreSQL has not started", patienceMs: brokenMs, certain: true };
  if (ready) {
    return { what: "it has received no WAL from the primary", patienceMs: stuckMs, certain: false, restartFirst: true };
  }
  return { what: `it has not been ready (Patroni says: ${state ?? "nothing"})`, patienceMs: stuckMs, certain: false };
}

/** Rebuilds that still count, the newest last. */
export function recentRebuilds(rebuilds: readonly RebuildStatus[], now: number): RebuildStatus[] {
  return rebuilds.filter(({ at }) => now - Date.parse(at) < rebuildWindowMs);
}

/** It was rebuilt as often as it may be: now a person is needed. */
export function isGivenUp(pod: string, rebuilds: readonly RebuildStatus[], now: number): boolean {
  return recentRebuilds(rebuilds, now).filter(({ member }) => member === pod).length >= mostRebuilds;
}
