import type { KubeObject } from "../../runtime/objects.ts";
import { patroniLabels } from "./patroni.ts";

/** One database pod as the cluster and Patroni tell it. */
export interface Member {
  readonly pod: string;
  readonly ordinal: number;
  readonly role: "primary" | "replica" | "unknown";
  /** Its readiness probe (Patroni's /readiness) succeeds. */
  readonly ready: boolean;
  /** Every acknowledged write is in its WAL, or a majority's that it belongs to: the primary, and the quorum's standbys. */
  readonly inSync: boolean;
  readonly node: string | undefined;
  /** Of this pod, and not of the next one with its name. */
  readonly uid: string;
  /** It is on its way out. */
  readonly ending: boolean;
  /** Its container runs, whatever PostgreSQL in it does. */
  readonly started: boolean;
  /** It was made from an older template than the StatefulSet's. */
  readonly outdated: boolean;
  /** In Patroni's words: running, creating replica, start failed, …; undefined before its first. */
  readonly state: string | undefined;
  /** It is the primary, or receives WAL from one. */
  readonly streaming: boolean;
  /** When its pod was made, or given to a node where that was later, in ms since the epoch. */
  readonly createdMs: number;
  /** Kubernetes says that its volume is no more. */
  readonly volumeLost: boolean;
}

/** What the database looks like now, derived afresh on every pass. */
export interface Topology {
  /** The pod that holds Patroni's leader lock and has the primary's label; undefined while there is none. */
  readonly primary: string | undefined;
  readonly members: readonly Member[];
  /** Patroni has written a system identifier: there is data, made once. */
  readonly initialized: boolean;
  /** The StatefulSet's controller has taken up the newest template: `outdated` can be believed. */
  readonly settled: boolean;
}

/** What the topology is derived from. Absent is undefined: nothing of it exists before the first start. */
export interface TopologySources {
  readonly pods: readonly KubeObject[];
  /** Patroni's ConfigMaps NAME-db-leader, NAME-db-sync and NAME-db-config. */
  readonly leader: KubeObject | undefined;
  readonly sync: KubeObject | undefined;
  readonly config: KubeObject | undefined;
  readonly statefulSet: KubeObject | undefined;
  readonly claims: readonly KubeObject[];
}

/**
 * Reads the topology from pods and Patroni's store. A pod counts as primary only when label and lock agree: a node that
 * vanished keeps its label, and a lock may outlive its holder by the TTL.
 */
export function readTopology({ pods, leader, sync, config, statefulSet, claims }: TopologySources): Topology {
  const holder = leader?.metadata.annotations?.leader;
  const standbys = new Set((sync?.metadata.annotations?.sync_standby ?? "").split(",").filter(Boolean));
  const lost = new Set(claims.filter(isLost).map((claim) => claim.metadata.name));
  const { updateRevision, observedGeneration } = (statefulSet?.status ?? {}) as StatefulSetStatus;
  const members = pods
    .map((pod): Member => {
      const label = pod.metadata.labels?.[patroniLabels.role];
      const ready = isReady(pod);
      const primary = label === patroniLabels.primary && pod.metadata.name === holder;
      const { state, replication_state: replication } = patroniStatus(pod);
      return {
        pod: pod.metadata.name,
        ordinal: Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf("-") + 1)),
        role: primary ? "primary" : label === patroniLabels.replica ? "replica" : "unknown",
        ready,
        inSync: ready && (primary || standbys.has(pod.metadata.name)),
        node: (pod.spec as { nodeName?: string } | undefined)?.nodeName,
        uid: pod.metadata.uid ?? "",
        ending: pod.metadata.deletionTimestamp !== undefined,
        started: isStarted(pod),
        outdated: updateRevision !== undefined && pod.metadata.labels?.[revisionLabel] !== updateRevision,
        state,
        streaming: primary || replication === "streaming",
        createdMs: Math.max(timeOf(pod.metadata.creationTimestamp), timeOf(startTimeOf(pod))),
        volumeLost: lost.has(memberClaim(pod.metadata.name)),
      };
    })
    .sort((a, b) => a.ordinal - b.ordinal);
  return {
    primary: members.find((member) => member.role === "primary" && member.ready)?.pod,
    members,
    initialized: config?.metadata.annotations?.initialize !== undefined,
    settled: statefulSet !== undefined && observedGeneration === statefulSet.metadata.generation,
  };
}

/** The volume claim of a member: StatefulSets name it so. */
export function memberClaim(pod: string): string {
  return `data-${pod}`;
}

function isLost({ status }: KubeObject): boolean {
  return (status as { phase?: string } | undefined)?.phase === "Lost";
}

interface PatroniStatus {
  readonly state?: string;
  /** Of a standby: streaming, or in archive recovery; absent while it receives nothing. */
  readonly replication_state?: string;
}

/** What a member says of itself in its pod's annotation, at every beat; nothing where it has not spoken yet. */
function patroniStatus(pod: KubeObject): PatroniStatus {
  try {
    return (JSON.parse(pod.metadata.annotations?.status ?? "{}") ?? {}) as PatroniStatus;
  } catch {
    return {};
  }
}

interface StatefulSetStatus {
  readonly observedGeneration?: number;
  readonly updateRevision?: string;
}

/** By this the StatefulSet's controller tells which template a pod was made from. */
const revisionLabel = "controller-revision-hash";

/** When kubelet took the pod up: one that found no node for an hour is new then. */
function startTimeOf({ status }: KubeObject): string | undefined {
  return (status as { startTime?: string } | undefined)?.startTime;
}

function timeOf(text: string | undefined): number {
  return Date.parse(text ?? "") || 0;
}

function isStarted(pod: KubeObject): boolean {
  const status = pod.status as { containerStatuses?: { state?: { running?: object } }[] } | undefined;
  return status?.containerStatuses?.every((container) => container.state?.running !== undefined) ?? false;
}

/** Is the pod's Ready condition True, and is it not on its way out? */
function isReady(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp) return false;
  const status = pod.status as { conditions?: { type: string; status: string }[] } | undefined;
  return status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}
