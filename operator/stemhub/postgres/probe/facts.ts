import type { Row } from "./session.ts";

/**
 * The write by which a database shows that it takes writes. Synchronous like the app's own, so it waits for a standby
 * where those do. It has no timeout of its own: PostgreSQL would answer a commit that no standby holds with success and
 * a warning, and each attempt that is given up while it waits keeps its connection taken. So there is one at a time, and
 * it is waited for as long as it takes.
 */
export const heartbeat = "UPDATE stemhub.heartbeat SET at = clock_timestamp()";

/** What a member says of itself. */
export interface MemberFacts {
  /** Of its volume, 0 to 100: what is not available to PostgreSQL. */
  readonly volumeUsedPercent: number;
  /** Of a replica: the position in the WAL up to which it is, in bytes. */
  readonly replayedBytes: number | undefined;
}

/** What the primary says of the database. */
export interface DatabaseFacts {
  /** Sessions of clients, and how many may be open at once by roles without a reserve. */
  readonly connections: { readonly used: number; readonly most: number };
  /** The session that holds back vacuum longest; undefined where there is none. */
  readonly oldestTransaction: Transaction | undefined;
  /** The position in the WAL from which on the primary still has it, in bytes: who is before that needs a new copy. */
  readonly oldestWalBytes: number;
  /** Pods of the standbys to which WAL goes now. */
  readonly standbys: readonly string[];
}

/** A transaction whose snapshot, or whose number, keeps dead rows from being removed. */
export interface Transaction {
  readonly pid: number;
  readonly user: string;
  readonly application: string;
  /** active, idle in transaction, … */
  readonly state: string;
  /** How long it has been open, in seconds. */
  readonly seconds: number;
}

/** Run on every member. */
export const memberQuery = `
SELECT blocks, free_blocks, available_blocks, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END AS replayed
FROM stemhub.volume`;

/**
 * Run on the primary. Connections: reserved ones are not the app's, and whoever has one takes it from the app. Transactions: of clients, with a snapshot or a number;
 * a backup's or a standby's feedback is no session that anybody forgot. WAL: Patroni drops the slot of a member that was away
 * for too long, so it is the files that tell.
 */
export const databaseQuery = `
SELECT
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - current_setting('reserved_connections')::int AS most,
  (SELECT json_build_object('pid', pid, 'user', usename, 'application', application_name, 'state', state,
                            'seconds', extract(epoch FROM clock_timestamp() - xact_start)::bigint)
   FROM pg_stat_activity
   WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
     AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
   ORDER BY xact_start LIMIT 1) AS oldest,
  (SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') AS oldest_wal,
  (SELECT coalesce(json_agg(application_name ORDER BY application_name), '[]'::json) FROM pg_stat_replication
   WHERE state = 'streaming') AS standbys`;

/** Errors: Error when the answer is not what the query asks for. */
export function readMember([row]: readonly Row[]): MemberFacts {
  const used = Number(row?.blocks) - Number(row?.free_blocks);
  const available = Number(row?.available_blocks);
  if (!(used + available > 0)) throw new Error(`no size of a volume: ${JSON.stringify(row)}`);
  const replayedBytes = row?.replayed == null ? undefined : Number(row.replayed);
  // As df counts: what is kept back for root, or by a quota, is neither used nor to be had.
  return { volumeUsedPercent: (used / (used + available)) * 100, replayedBytes };
}

/** Errors: Error when the answer is not what the query asks for. */
export function readDatabase([row]: readonly Row[]): DatabaseFacts {
  const [used, most] = [Number(row?.used), Number(row?.most)];
  if (Number.isNaN(used) || !(most > 0)) throw new Error(`no count of connections: ${JSON.stringify(row)}`);
  return {
    connections: { used, most },
    oldestTransaction: (row?.oldest as Transaction | null | undefined) ?? undefined,
    oldestWalBytes: segmentStart(row?.oldest_wal),
    standbys: names(row?.standbys),
  };
}

/** Where a segment begins: by its file's name without the timeline, 16 MiB each. */
function segmentStart(name: unknown): number {
  const [, log = "", segment = ""] = /^([0-9A-F]{8})([0-9A-F]{8})$/.exec(String(name)) ?? [];
  if (segment === "") throw new Error(`no file of WAL: ${JSON.stringify(name)}`);
  return Number.parseInt(log, 16) * 2 ** 32 + Number.parseInt(segment, 16) * 2 ** 24;
}

function names(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Error(`no list of names: ${JSON.stringify(value)}`);
  return value;
}
