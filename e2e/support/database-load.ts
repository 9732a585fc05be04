import { clientPod, connectionString, type DatabaseClient, type Endpoint } from "./database.ts";
import { eventually } from "./deadline.ts";
import type { Kubectl } from "./kubectl.ts";
import { type Acknowledged, type Ledger, longestGapMs, missingRows, parseLedger } from "./ledger.ts";

/**
 * A writer that commits a row every 50 ms and a reader that reads every 20 ms, each over one connection of its own, as an
 * app's pool would. Rows are in table `ledger`, made by the migrator.
 */
export interface DatabaseLoad {
  /** Waits for `count` more acknowledged rows than there are now. */
  goesOn(count: number, deadlineMs: number): Promise<void>;
  /** Waits until a statement of the writer has had no answer: a fault has come about. */
  feltByWriter(deadlineMs: number): Promise<void>;
  /** What was acknowledged to the writer until now. */
  written(): Promise<Acknowledged[]>;
  /** Ends both, and returns what each was answered. */
  stop(): Promise<{ readonly writes: Ledger; readonly reads: Ledger }>;
}

/** Makes the table that the writer's rows go to, or empties it. */
export const emptyLedger =
  "CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY, at timestamptz DEFAULT now()); TRUNCATE ledger;";

/** Starts writer and reader through one Service of a StemHub's database; returns when both have been answered. */
export async function startLoad(
  kubectl: Kubectl,
  stemhub: string,
  options: {
    readonly image: string;
    readonly database: DatabaseClient;
    readonly at?: Endpoint;
    /** A node that neither may be on. */
    readonly avoid?: string;
  },
): Promise<DatabaseLoad> {
  const { image, database, at = "db", avoid } = options;
  await database.sql(emptyLedger, { as: "migrator", at: "db-rw" });
  return startLoadBy(kubectl, stemhub, {
    connection: connectionString(kubectl, stemhub, at),
    pod: (name, command) => clientPod({ name, stemhub, image, command, avoid }),
  });
}

/** How a program in a pod of its own reaches a database. */
export interface LoadRoute {
  /** libpq's connection string, but for user and password. */
  readonly connection: string;
  /** A pod that runs the command with `app_username` and `app_password` in its environment. */
  readonly pod: (name: string, command: readonly string[]) => object;
}

/** Like startLoad, for any database that has a table `ledger`; its pods are named after `name`. */
export async function startLoadBy(kubectl: Kubectl, name: string, route: LoadRoute): Promise<DatabaseLoad> {
  const statements = {
    writer: ["INSERT INTO ledger (id) VALUES (%s)", "0.05"],
    reader: ["SELECT count(*) FROM (SELECT FROM ledger LIMIT 1) AS first WHERE %s > 0", "0.02"],
  } as const;
  const pods = { writer: `${name}-writer`, reader: `${name}-reader` };
  for (const who of ["writer", "reader"] as const) {
    await kubectl.delete(`pod/${pods[who]}`, { wait: true, force: true });
    const command = ["python3", "-u", "-c", loadProgram, route.connection, ...statements[who]];
    await kubectl.apply(route.pod(pods[who], command));
  }
  const load = new LoadPods(kubectl, pods);
  await load.started();
  return load;
}

/** What a writer and a reader have been through. */
export interface Account {
  /** Rows that were acknowledged and are not there: must be empty. */
  readonly missing: readonly number[];
  /** Why statements of either had no answer. */
  readonly unanswered: readonly string[];
  readonly acknowledged: number;
  /** The longest times without an answer. */
  readonly writeGapMs: number;
  readonly readGapMs: number;
  /** The figures, for people. */
  readonly said: string;
}

/** Stops the load, and counts on the primary what was acknowledged. */
export async function accountOf(load: DatabaseLoad, database: DatabaseClient): Promise<Account> {
  return accountFor(await load.stop(), database);
}

/** Like accountOf, for a load that was stopped earlier. */
export async function accountFor(
  { writes, reads }: { readonly writes: Ledger; readonly reads: Ledger },
  database: DatabaseClient,
): Promise<Account> {
  const rows = new Set((await database.sql("SELECT id FROM ledger", { at: "db-rw" })).split("\n").map(Number));
  const [writeGapMs, readGapMs] = [longestGapMs(writes.acknowledged), longestGapMs(reads.acknowledged)];
  const gap = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return {
    missing: missingRows(writes.acknowledged, rows),
    unanswered: [...writes.unanswered, ...reads.unanswered],
    acknowledged: writes.acknowledged.length,
    writeGapMs,
    readGapMs,
    said: `${writes.acknowledged.length} rows acknowledged, write gap ${gap(writeGapMs)}, read gap ${gap(readGapMs)} (${reads.unanswered.length} reads unanswered)`,
  };
}

/** Asks the primary itself: `standbys` standbys stream, and each counts for the quorum. */
export async function untilInSync(kubectl: Kubectl, stemhub: string, deadlineMs: number, standbys = 2): Promise<void> {
  const patroni = { scope: `${stemhub}-db`, psql: ["psql", "-h", "/run/postgresql"] };
  await untilPatroniInSync(kubectl, patroni, deadlineMs, standbys);
}

/** Like untilInSync, for any three members of Patroni. `psql` asks a member's own server as its superuser. */
export async function untilPatroniInSync(
  kubectl: Kubectl,
  patroni: { readonly scope: string; readonly psql: readonly string[] },
  deadlineMs: number,
  standbys = 2,
): Promise<void> {
  const inSync = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'";
  await eventually(`${standbys} standbys are in the primary's quorum`, deadlineMs, async () => {
    const ask = [...patroni.psql, "-Atc", inSync];
    const answer = await kubectl.exec(await lockHolder(kubectl, patroni.scope), ask, { deadlineMs: 5_000 });
    return answer.trim() === String(standbys);
  });
}

/** The primary by Patroni's lock, not by the label: one that hangs keeps its label. Errors: where nobody holds it. */
export async function lockHolder(kubectl: Kubectl, scope: string): Promise<string> {
  const holder = (await kubectl.get(`configmap/${scope}-leader`)).metadata.annotations?.leader;
  if (!holder) throw new Error(`nobody holds the lock of ${scope}`);
  return holder;
}

/**
 * Pods that pull nothing and sign in. After an API server's absence kubelet may hear of a pod only after its reflector's backoff:
 * up to a minute.
 */
const startDeadlineMs = 90_000;

class LoadPods implements DatabaseLoad {
  readonly #kubectl: Kubectl;
  readonly #pods: { readonly writer: string; readonly reader: string };

  constructor(kubectl: Kubectl, pods: { readonly writer: string; readonly reader: string }) {
    this.#kubectl = kubectl;
    this.#pods = pods;
  }

  async started(): Promise<void> {
    for (const pod of Object.values(this.#pods)) {
      await eventually(`${pod} is answered`, startDeadlineMs, async () => {
        return (await this.#ledger(pod)).acknowledged.length > 20;
      });
    }
  }

  async goesOn(count: number, deadlineMs: number): Promise<void> {
    const before = (await this.written()).length;
    await eventually(`${count} more rows acknowledged to ${this.#pods.writer}`, deadlineMs, async () => {
      return (await this.written()).length >= before + count;
    });
  }

  async feltByWriter(deadlineMs: number): Promise<void> {
    await eventually(`${this.#pods.writer} has felt the fault`, deadlineMs, async () => {
      return (await this.#ledger(this.#pods.writer)).unanswered.length > 0;
    });
  }

  async written(): Promise<Acknowledged[]> {
    return (await this.#ledger(this.#pods.writer)).acknowledged;
  }

  async stop(): Promise<{ readonly writes: Ledger; readonly reads: Ledger }> {
    // What is acknowledged later than this look is of no interest: fewer rows are held to account, never more.
    const [writes, reads] = [await this.#ledger(this.#pods.writer), await this.#ledger(this.#pods.reader)];
    for (const pod of Object.values(this.#pods)) await this.#kubectl.delete(`pod/${pod}`, { force: true });
    return { writes, reads };
  }

  async #ledger(pod: string): Promise<Ledger> {
    return parseLedger(await this.#kubectl.logs(pod));
  }
}

/** How long a connection may take to be made. */
const connectSeconds = 2;

/** How long a statement may take: longer than the server gives it (statement_timeout). */
const attemptSeconds = 4;

/**
 * Runs one statement over and over on one connection; after an error on a new one. Every wait inside is bounded, as
 * libpq's own are not: a server that vanished would hold it for a quarter of an hour, one that hangs for ever.
 */
export const loadProgram = `
import os, select, sys, time
import psycopg2, psycopg2.extensions
dsn, statement, every = sys.argv[1], sys.argv[2], float(sys.argv[3])
dsn += " user=" + os.environ["app_username"] + " tcp_user_timeout=2000 keepalives_idle=1 keepalives_interval=1 keepalives_count=2"
os.environ["PGPASSWORD"] = os.environ["app_password"]
def wait(connection):
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        reads, writes = [[connection.fileno()] if state == kind else [] for kind in (psycopg2.extensions.POLL_READ, psycopg2.extensions.POLL_WRITE)]
        if not any(select.select(reads, writes, [], max(0, until - time.monotonic()))):
            raise TimeoutError("no answer in time")
psycopg2.extensions.set_wait_callback(wait)
# Not from 1: a former writer, killed just now, may still be at it, and must not meet this one's rows.
number, connection = int(time.time() * 1000), None
while True:
    due = time.time() + every
    number += 1
    try:
        if connection is None:
            until = time.monotonic() + ${connectSeconds}
            connection = psycopg2.connect(dsn, options="-c statement_timeout=3s")
            connection.autocommit = True
        until = time.monotonic() + ${attemptSeconds}
        connection.cursor().execute(statement, (number,))
        print("ack", number, int(time.time() * 1000))
    except Exception as error:
        print("lost", " ".join(str(error).split()))
        try:
            if connection is not None: connection.close()
        except Exception as error:
            print("closing:", " ".join(str(error).split()))
        connection = None
    time.sleep(max(0, due - time.time()))
`;
