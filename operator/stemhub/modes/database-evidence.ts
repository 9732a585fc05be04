import type { DatabaseCauseFacts } from "./causes.ts";
import type { Answer, Evidence } from "./evidence.ts";

/** What is seen of a database, by Kubernetes, Patroni and the probes. */
export interface DatabaseSigns {
  /** Patroni's primary is there and ready. */
  readonly primary: boolean;
  /** A replica that is in sync could take its place. */
  readonly candidate: boolean;
  /** A switchover was asked for and is not done. */
  readonly switchover: boolean;
  /** How writes go; undefined where nobody has asked yet. */
  readonly writes:
    | {
        readonly silentMs: number;
        readonly answeringForMs: number;
        readonly answered: boolean;
        /** The present primary has only just been asked for the first time. */
        readonly begun: boolean;
        readonly trouble: "refused" | "notLetIn" | "unreachable" | "silent" | undefined;
      }
    | undefined;
  readonly reads: Evidence;
  readonly lastRead: { readonly answer: Answer; readonly agoMs: number } | undefined;
}

/** A write is due each second: up to here a silence is none. */
export const answeredMs = 1_500;

/** A write is due by then, after the last one that was answered. */
const aWhileMs = 1_200;

/** Where the operator cannot ask itself, Patroni's word is taken after that long. */
const patienceMs = 30_000;

/** The database's part of the evidence. */
export interface DatabaseEvidence extends Pick<DatabaseCauseFacts, "changing" | "isolated"> {
  readonly primary: Evidence;
  readonly writes: Evidence;
  readonly reads: Evidence;
}

/**
 * What the signs say. Nobody is blamed for what only the operator cannot reach: a primary that still answers reads through the
 * proxies is one of those.
 */
export function databaseEvidence(signs: DatabaseSigns): DatabaseEvidence {
  const { primary, candidate, switchover, writes, reads, lastRead } = signs;
  const successor = candidate && (!primary || writes?.trouble === "refused");
  const newcomer = primary && writes?.begun === true;
  const unreachable = writes === undefined || !primary || writes.trouble === "unreachable";
  return {
    primary: primaryEvidence(signs),
    writes: writeEvidence(signs),
    reads,
    changing: switchover || successor || newcomer,
    isolated: unreachable && reads.state === "failing" && lastRead?.answer.silent === true,
  };
}

function primaryEvidence({ primary, writes }: DatabaseSigns): Evidence {
  if (!writes) return { state: "unknown" };
  if (primary) return { state: "ok", forMs: writes.answeringForMs };
  return { state: "failing", failures: 1, forMs: writes.silentMs, detail: "there is no primary" };
}

function writeEvidence({ primary, writes, reads, lastRead }: DatabaseSigns): Evidence {
  if (!writes) return { state: "unknown" };
  const { silentMs, answeringForMs, answered, trouble } = writes;
  if (answered && silentMs < answeredMs) return { state: "ok", forMs: answeringForMs };
  // Later than the write that had no answer: the primary works, and it is the operator that does not get there.
  const witness =
    primary && reads.state === "ok" && lastRead?.answer.replica === false && lastRead.agoMs < silentMs - aWhileMs;
  if (trouble === "unreachable" && witness) return { state: "ok", forMs: 0 };
  if (trouble === "notLetIn") {
    return primary && silentMs > patienceMs ? { state: "ok", forMs: silentMs - patienceMs } : { state: "unknown" };
  }
  const how = trouble ?? "not asked yet";
  return { state: "failing", failures: 1, forMs: silentMs, detail: `no write is answered (${how})` };
}
