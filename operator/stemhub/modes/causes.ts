import type { Capability, CapabilityMode, DatabaseMode, ModeDocument } from "../../api/mode-document.ts";
import type { Modes } from "../../api/modes.ts";
import type { Evidence, Question } from "./evidence.ts";

/** Every mode that a capability may have. */
export type AnyMode = DatabaseMode | CapabilityMode;

/** How bad a mode is. Draining is better than it seems: it takes writes. */
const ranks: Readonly<Record<AnyMode, number>> = { Normal: 0, Draining: 1, Degraded: 2, ReadOnly: 3, Unavailable: 4 };

/** How bad a mode is; only for comparing two of them. */
export function rank(mode: AnyMode): number {
  return ranks[mode];
}

/**
 * A reason for a mode. active: it is so. clear: it is not. doubtful: it cannot be told yet, so it makes nothing worse and
 * nothing better.
 */
export interface Cause {
  readonly reason: string;
  readonly mode: AnyMode;
  readonly judgement: "active" | "clear" | "doubtful";
  readonly detail?: string;
  /** For how long it has been clear, where that is known. Units: ms. */
  readonly clearForMs?: number;
  /** When time alone may change the judgement. Units: ms from now. */
  readonly reviewInMs?: number;
}

/** What the causes are found by. */
export interface CauseFacts {
  readonly former: ModeDocument | undefined;
  readonly evidence: Readonly<Record<Question, Evidence>>;
  readonly settings: Modes;
  readonly database: DatabaseCauseFacts;
}

/** What is known of the database beside the answers to questions. */
export interface DatabaseCauseFacts {
  /** There is data. Before, it is being made. */
  readonly started: boolean;
  /** A switchover was asked for, or the role is on its way from one member to another. */
  readonly changing: boolean;
  /** The operator reaches neither the primary nor any proxy: it may be cut off itself. */
  readonly isolated: boolean;
  /** It was made read-only before its disk is full. */
  readonly volumeFull: string | undefined;
  /** Since PostgreSQL was told that it is no longer read-only; undefined where this operator has not seen that. Units: ms. */
  readonly liftedForMs: number | undefined;
}

/**
 * How long no write has been answered when that is told. Two writes that were due, each second one, and half a second for
 * the commit: with the way to the gateways this is within three seconds of the failure (docs/decisions/0015).
 */
export const silenceMs = 2_500;

/** While the primary's role is on its way: a failover and a switchover take two to five seconds, and are no outage. */
export const changeMs = 5_000;

/** While the operator may be the one that is cut off. By then its lease is lost, if that is so, and another one judges. */
export const isolatedMs = 12_000;

/** Reads that fail in a row, through the Service and through each proxy. */
export const readFailures = 2;

/** Until PostgreSQL takes writes again from everybody: Patroni looks every three seconds, and then reloads. */
export const liftMs = 5_000;

/** Reasons with which PostgreSQL itself is read-only. */
const backstopReasons = new Set(["VolumeFull", "Override", "WritesReturning"]);

/** All reasons for one capability not to be Normal, the worst first. */
export function causesOf(capability: Capability, facts: CauseFacts): Cause[] {
  const { evidence, settings } = facts;
  const { probes } = settings;
  switch (capability) {
    case "database":
      return databaseCauses(facts);
    case "storage":
      return [
        failing("ReadsFail", "Unavailable", evidence.storageReads, probes.storage.failures),
        failing("WritesFail", "Degraded", evidence.storageWrites, probes.storage.failures),
      ];
    case "collaboration":
      return [failing("NotAnswering", "Unavailable", evidence.collaboration, probes.collaboration.failures)];
    case "dawParsing":
      return [failing("NotAnswering", "Unavailable", evidence.dawParsing, probes.dawParsing.failures)];
    case "auth":
      return [failing("NotAnswering", "Unavailable", evidence.auth, probes.auth.failures)];
  }
}

function databaseCauses({ former, evidence, database }: CauseFacts): Cause[] {
  const { started, changing, isolated, volumeFull } = database;
  const patienceMs = isolated ? isolatedMs : changing ? changeMs : silenceMs;
  const readPatienceMs = isolated ? isolatedMs : changing ? changeMs : 0;
  return [
    { reason: "Starting", mode: "Unavailable", judgement: started ? "clear" : "active" },
    failing("ReadUnanswered", "Unavailable", evidence.reads, readFailures, readPatienceMs),
    failing("PrimaryLost", "ReadOnly", evidence.primary, 1, patienceMs),
    failing("WriteUnanswered", "ReadOnly", evidence.writes, 1, patienceMs),
    {
      reason: "VolumeFull",
      mode: "ReadOnly",
      judgement: volumeFull === undefined ? "clear" : "active",
      ...(volumeFull === undefined ? {} : { detail: volumeFull }),
    },
    writesReturning(former, database),
  ];
}

/** PostgreSQL is told to take writes before users are: who writes in between would be refused by it. */
function writesReturning(former: ModeDocument | undefined, { liftedForMs }: DatabaseCauseFacts): Cause {
  const cause = { reason: "WritesReturning", mode: "ReadOnly" } as const;
  const { mode, reason } = former?.capabilities.database ?? { mode: "Normal", reason: "" };
  // A new leader goes by what is published, as if it had been lifted just now.
  const known = liftedForMs ?? (mode === "ReadOnly" && backstopReasons.has(reason) ? 0 : liftMs);
  if (known >= liftMs) return { ...cause, judgement: "clear" };
  return { ...cause, judgement: "active", reviewInMs: liftMs - known };
}

function failing(reason: string, mode: AnyMode, evidence: Evidence, failures: number, patienceMs = 0): Cause {
  switch (evidence.state) {
    case "unknown":
      return { reason, mode, judgement: "doubtful" };
    case "ok":
      return { reason, mode, judgement: "clear", clearForMs: evidence.forMs };
    case "failing": {
      const { forMs, detail } = evidence;
      if (evidence.failures >= failures && forMs >= patienceMs) return { reason, mode, judgement: "active", detail };
      const reviewInMs = patienceMs - forMs;
      return { reason, mode, judgement: "doubtful", detail, ...(reviewInMs > 0 ? { reviewInMs } : {}) };
    }
  }
}
