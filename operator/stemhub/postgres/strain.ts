import type { DatabaseWarning } from "../../api/stemhub.ts";
import { rfc3339 } from "../conditions.ts";
import type { Transaction } from "./probe/facts.ts";
import type { Findings, NewsBounds } from "./probe/findings.ts";
import type { Topology } from "./topology.ts";

/** From here on a warning is given, and from there on it is withdrawn. Units: percent of what there is. */
interface Bound {
  readonly from: number;
  /** Lower, so that what goes up and down by a little is told once. */
  readonly until: number;
}

/** A volume of which so much is taken is worth a warning. */
export const fillingPercent: Bound = { from: 80, until: 75 };
/**
 * From here on the database is read-only: PostgreSQL stops when it cannot write WAL, and starts again only when somebody
 * has made room. A tenth of a volume is what a busy writer fills while this is found out and Patroni has reloaded.
 */
export const fullPercent: Bound = { from: 90, until: 85 };
/** Of the connections that the app may open. */
export const connectionPercent: Bound = { from: 90, until: 80 };

/** What strain is judged by. */
export interface StrainFacts {
  readonly topology: Topology;
  /** Undefined while the database has not been asked: what was known stands. */
  readonly findings: Findings | undefined;
  /** The former warnings. */
  readonly before: readonly DatabaseWarning[];
  /** spec.database.longTransactionSeconds. */
  readonly longTransactionSeconds: number;
  readonly now: number;
}

/** At which values of findings a pass is due. */
export function newsBounds(
  longTransactionSeconds: number,
  silenceMs: readonly number[] = [],
  archiveLagSeconds: readonly number[] = [],
): NewsBounds {
  return {
    silenceMs,
    archiveLagSeconds,
    volumePercents: [fillingPercent.until, fillingPercent.from, fullPercent.until, fullPercent.from],
    connectionPercents: [connectionPercent.until, connectionPercent.from],
    transactionSeconds: longTransactionSeconds,
  };
}

/**
 * What strains the database, each with the moment since when. A warning that goes on keeps its words, so that a status
 * is not written for every percent.
 */
export function databaseWarnings(facts: StrainFacts): DatabaseWarning[] {
  const found = [...volumes(facts), ...connections(facts), ...transactions(facts)];
  return found.map((warning) => sameAs(warning, facts.before) ?? warning);
}

/** Must writes be refused, since the primary's volume is full, or somebody has chosen so? */
export function isReadOnly(warnings: readonly DatabaseWarning[], chosen = false): boolean {
  return chosen || warnings.some(({ reason }) => reason === "VolumeFull");
}

/** Is there a primary, and may it be written to? */
export function takesWrites({ primary }: Topology, warnings: readonly DatabaseWarning[], chosen = false): boolean {
  return primary !== undefined && !isReadOnly(warnings, chosen);
}

function sameAs({ reason, about }: DatabaseWarning, before: readonly DatabaseWarning[]): DatabaseWarning | undefined {
  return before.find((one) => one.reason === reason && one.about === about);
}

/** A replica that is full stops alone; the primary takes the writes of all with it, so it is spared the last tenth. */
function volumes({ topology, findings, before, now }: StrainFacts): DatabaseWarning[] {
  return topology.members.flatMap(({ pod }): DatabaseWarning[] => {
    const former = before.filter(({ reason, about }) => about === pod && reason.startsWith("Volume"));
    const used = findings?.members[pod]?.volumeUsedPercent;
    if (used === undefined) return former;
    const was = (reason: DatabaseWarning["reason"]) => former.some((one) => one.reason === reason);
    const said = { about: pod, since: rfc3339(now) };
    const percent = `The volume of ${pod} is ${Math.floor(used)} % full`;
    const remedy = `What takes the room: kubectl exec ${pod} -- du -sh /data/pg/base /data/pg/pg_wal. See docs/runbooks/wal-disk-full.md.`;
    if (pod === topology.primary && isWithin(fullPercent, used, was("VolumeFull"))) {
      const message = `${percent}: the database is read-only before PostgreSQL stops. It takes writes again below ${fullPercent.until} %. ${remedy}`;
      return [{ ...said, reason: "VolumeFull", message }];
    }
    if (!isWithin(fillingPercent, used, former.length > 0)) return [];
    const message = `${percent}; at ${fullPercent.from} % the database becomes read-only. ${remedy}`;
    return [{ ...said, reason: "VolumeFilling", message }];
  });
}

function connections({ topology, findings, before, now }: StrainFacts): DatabaseWarning[] {
  const former = before.filter(({ reason }) => reason === "ConnectionsExhausted");
  if (!findings?.database) return former;
  const { used, most } = findings.database.connections;
  if (!isWithin(connectionPercent, (used / most) * 100, former.length > 0)) return [];
  const message = `${used} of ${most} connections are taken; with all of them taken the app is refused new ones. Make its pools smaller, or raise spec.database.parameters.max_connections.`;
  return [{ reason: "ConnectionsExhausted", about: topology.primary ?? "", since: rfc3339(now), message }];
}

function transactions({ findings, before, longTransactionSeconds, now }: StrainFacts): DatabaseWarning[] {
  if (!findings?.database) return before.filter(({ reason }) => reason === "LongTransaction");
  const { oldestTransaction: oldest } = findings.database;
  if (!oldest || oldest.seconds < longTransactionSeconds) return [];
  return [
    {
      reason: "LongTransaction",
      about: `pid ${oldest.pid}`,
      since: rfc3339(now - oldest.seconds * 1_000),
      message: `${describe(oldest)} has been in one transaction for ${oldest.seconds} s and holds back vacuum: dead rows stay, and tables grow. To end it: SELECT pg_terminate_backend(${oldest.pid}), as its own role or as postgres.`,
    },
  ];
}

function describe({ pid, user, application, state }: Transaction): string {
  return `pid ${pid} (${[user, application, state].filter(Boolean).join(", ")})`;
}

function isWithin({ from, until }: Bound, percent: number, before: boolean): boolean {
  return percent >= (before ? until : from);
}
