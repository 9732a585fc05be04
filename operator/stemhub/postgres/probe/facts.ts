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
}

/** What the primary says of the database. */
export interface DatabaseFacts {
  /** Sessions of clients, and how many may be open at once by roles without a reserve. */
  readonly connections: { readonly used: number; readonly most: number };
  /** The session that holds back vacuum longest; undefined where there is none. */
  readonly oldestTransaction: Transaction | undefined;
  /** Slots whose WAL is gone: their standbys need a new copy. Patroni names them after the members, with _ for -. */
  readonly lostSlots: readonly string[];
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
export const memberQuery = "SELECT blocks, available_blocks FROM stemhub.volume";

/**
 * Run on the primary. Connections: reserved ones are not the app's. Transactions: of clients, with a snapshot or a number;
 * a backup's or a standby's feedback is no session that anybody forgot.
 */
export const databaseQuery = `
SELECT
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> 'stemhub_probe') AS used,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - current_setting('reserved_connections')::int AS most,
  (SELECT json_build_object('pid', pid, 'user', usename, 'application', application_name, 'state', state,
                            'seconds', extract(epoch FROM clock_timestamp() - xact_start)::bigint)
   FROM pg_stat_activity
   WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
     AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
   ORDER BY xact_start LIMIT 1) AS oldest,
  (SELECT coalesce(json_agg(slot_name ORDER BY slot_name), '[]'::json) FROM pg_replication_slots
   WHERE wal_status = 'lost') AS lost,
  (SELECT coalesce(json_agg(application_name ORDER BY application_name), '[]'::json) FROM pg_stat_replication
   WHERE state = 'streaming') AS standbys`;

/** Errors: Error when the answer is not what the query asks for. */
export function readMember([row]: readonly Row[]): MemberFacts {
  const [blocks, available] = [Number(row?.blocks), Number(row?.available_blocks)];
  if (!(blocks > 0) || Number.isNaN(available)) throw new Error(`no size of a volume: ${JSON.stringify(row)}`);
  return { volumeUsedPercent: ((blocks - available) / blocks) * 100 };
}

/** Errors: Error when the answer is not what the query asks for. */
export function readDatabase([row]: readonly Row[]): DatabaseFacts {
  const [used, most] = [Number(row?.used), Number(row?.most)];
  if (Number.isNaN(used) || !(most > 0)) throw new Error(`no count of connections: ${JSON.stringify(row)}`);
  return {
    connections: { used, most },
    oldestTransaction: (row?.oldest as Transaction | null | undefined) ?? undefined,
    lostSlots: names(row?.lost),
    standbys: names(row?.standbys),
  };
}

function names(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Error(`no list of names: ${JSON.stringify(value)}`);
  return value;
}
