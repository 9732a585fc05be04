import type { ArchiveFacts } from "./archive.ts";
import type { DatabaseFacts, MemberFacts } from "./facts.ts";

/** What a database has said itself since this operator began to ask. Disposable: a new leader asks again. */
export interface Findings {
  /** The pod that is asked as primary. */
  readonly primary: string;
  readonly writes: Writes;
  /** Why the last write had no answer; undefined when it had one. */
  readonly trouble: WriteTrouble | undefined;
  /** What members have said last, by pod. */
  readonly members: Readonly<Record<string, MemberFacts>>;
  /** What the primary said last; undefined until it has. */
  readonly database: DatabaseFacts | undefined;
  /** What it said last of the archive of its WAL; undefined until it has, and where there is none. */
  readonly archive: ArchiveFacts | undefined;
}

/** Whether the primary takes writes. */
export type Writes =
  | { readonly state: "answered" }
  /** Not for `unansweredMs`. `reads`: it answers those. */
  | { readonly state: "unanswered"; readonly sinceMs: number; readonly reads: boolean }
  /** The operator cannot tell: it has only just begun, nobody is there, or it is not let in. */
  | { readonly state: "unknown"; readonly why: string | undefined };

/**
 * Why a write has no answer. refused: somebody is there and takes no session, as while PostgreSQL starts or ends. notLetIn: by
 * the operator's login. unreachable: nobody answers at its address. silent: nothing came back yet.
 */
export type WriteTrouble = "refused" | "notLetIn" | "unreachable" | "silent";

/** What is known of the writes to one primary. */
export interface WriteEvidence {
  /** When the last write was answered, or asking began: by the clock that durations are measured with, and by people's. */
  readonly answeredAt: { readonly monotonicMs: number; readonly wallMs: number };
  /** At least one was answered. */
  readonly everAnswered: boolean;
  /** Does anything take connections at its address? Undefined where that was not asked. */
  readonly reachable: boolean | undefined;
  /** Its answers to reads, asked by another session. */
  readonly reads: boolean;
  /** What PostgreSQL said when it did not let the operator in, or has no table to write to. */
  readonly refusal: string | undefined;
}

/**
 * Six writes that are due every second. A switchover of Patroni's takes less; a failover changes whom is asked.
 */
export const unansweredMs = 6_000;

/**
 * Judges the writes. What does not answer hangs; what nobody reaches may serve everybody else, since it may be the operator
 * that is cut off: then Patroni's word and kubelet's stand.
 */
export function judgeWrites(evidence: WriteEvidence, nowMs: number): Writes {
  const { answeredAt, everAnswered, reachable, reads, refusal } = evidence;
  if (refusal !== undefined) return { state: "unknown", why: refusal };
  if (nowMs - answeredAt.monotonicMs < unansweredMs) {
    return everAnswered ? { state: "answered" } : { state: "unknown", why: undefined };
  }
  if (reachable === false) return { state: "unknown", why: "its pod gives the operator no connection" };
  return { state: "unanswered", sinceMs: answeredAt.wallMs, reads };
}

/** Bounds at which somebody decides something: strain.ts. Crossing one is news, moving between two is not. */
export interface NewsBounds {
  readonly volumePercents: readonly number[];
  readonly connectionPercents: readonly number[];
  readonly transactionSeconds: number;
  /** How long no write has been answered. */
  readonly silenceMs: readonly number[];
  /** How long nothing has been safe in the archive. */
  readonly archiveLagSeconds: readonly number[];
}

/** Has the primary removed WAL that a replica needs next? False where either has not said where it is. */
export function isWalRemoved({ members, database }: Findings, pod: string): boolean {
  const replayed = members[pod]?.replayedBytes;
  if (replayed === undefined || !database || database.standbys.includes(pod)) return false;
  return replayed < database.oldestWalBytes;
}

/** Says the same of two findings between which nothing has happened that a pass would act on. */
export function newsOf(findings: Findings, bounds: NewsBounds, silentMs = 0): string {
  const { primary, writes, trouble, members, database, archive } = findings;
  const step = (percents: readonly number[], value: number) => percents.filter((percent) => value >= percent).length;
  const { oldestTransaction: oldest, connections, standbys } = database ?? {};
  return JSON.stringify([
    primary,
    step(bounds.silenceMs, silentMs) > 0 && [step(bounds.silenceMs, silentMs), trouble],
    [writes.state, writes.state === "unanswered" && writes.reads, writes.state === "unknown" && writes.why],
    Object.entries(members).map(([pod, { volumeUsedPercent }]) => [
      pod,
      step(bounds.volumePercents, volumeUsedPercent),
      isWalRemoved(findings, pod),
    ]),
    connections && step(bounds.connectionPercents, (connections.used / connections.most) * 100),
    oldest && oldest.seconds >= bounds.transactionSeconds ? oldest.pid : null,
    standbys,
    archive && [
      archive.on,
      archive.failing && (archive.report ?? true),
      archive.lastSegment !== undefined,
      step(bounds.archiveLagSeconds, archive.lagSeconds),
    ],
  ]);
}
