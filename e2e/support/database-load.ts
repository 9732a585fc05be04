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
  await database.sql(
    "CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY, at timestamptz DEFAULT now()); TRUNCATE ledger;",
    { as: "migrator", at: "db-rw" },
  );
  const statements = {
    writer: ["INSERT INTO ledger (id) VALUES (%s)", "0.05"],
    reader: ["SELECT count(*) FROM (SELECT FROM ledger LIMIT 1) AS first WHERE %s > 0", "0.02"],
  } as const;
  const pods = { writer: `${stemhub}-writer`, reader: `${stemhub}-reader` };
  for (const who of ["writer", "reader"] as const) {
    await kubectl.delete(`pod/${pods[who]}`, { wait: true, force: true });
    const command = ["python3", "-u", "-c", program, connectionString(kubectl, stemhub, at), ...statements[who]];
    await kubectl.apply(clientPod({ name: pods[who], stemhub, image, command, avoid }));
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
  /** The figures, for people. */
  readonly said: string;
}

/** Stops the load, and counts on the primary what was acknowledged. */
export async function accountOf(load: DatabaseLoad, database: DatabaseClient): Promise<Account> {
  const { writes, reads } = await load.stop();
  const rows = new Set((await database.sql("SELECT id FROM ledger", { at: "db-rw" })).split("\n").map(Number));
  const gap = ({ acknowledged }: Ledger) => `${(longestGapMs(acknowledged) / 1_000).toFixed(1)} s`;
  return {
    missing: missingRows(writes.acknowledged, rows),
    unanswered: [...writes.unanswered, ...reads.unanswered],
    said: `${writes.acknowledged.length} rows acknowledged, write gap ${gap(writes)}, read gap ${gap(reads)} (${reads.unanswered.length} reads unanswered)`,
  };
}

/** Asks the primary itself: `standbys` standbys stream, and each counts for the quorum. */
export async function untilInSync(kubectl: Kubectl, stemhub: string, deadlineMs: number, standbys = 2): Promise<void> {
  const inSync = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'";
  await eventually(`${standbys} standbys are in the primary's quorum`, deadlineMs, async () => {
    // By the lock, not by the label: one that hangs keeps its label.
    const primary = (await kubectl.get(`configmap/${stemhub}-db-leader`)).metadata.annotations?.leader ?? "";
    const ask = ["psql", "-h", "/run/postgresql", "-Atc", inSync];
    const answer = await kubectl.exec(primary, ask, { deadlineMs: 5_000 });
    return answer.trim() === String(standbys);
  });
}

/** Pods that pull nothing and sign in. */
const startDeadlineMs = 30_000;

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

/**
 * Runs one statement over and over on one connection; after an error on a new one. Every wait inside is bounded, as
 * libpq's own are not: a server that vanished would hold it for a quarter of an hour.
 */
const program = `
import os, sys, time
import psycopg2
dsn, statement, every = sys.argv[1], sys.argv[2], float(sys.argv[3])
dsn += " user=" + os.environ["app_username"] + " connect_timeout=2 tcp_user_timeout=2000 keepalives_idle=1 keepalives_interval=1 keepalives_count=2"
os.environ["PGPASSWORD"] = os.environ["app_password"]
# Not from 1: a former writer, killed just now, may still be at it, and must not meet this one's rows.
number, connection = int(time.time() * 1000), None
while True:
    due = time.time() + every
    number += 1
    try:
        if connection is None:
            connection = psycopg2.connect(dsn, options="-c statement_timeout=3s")
            connection.autocommit = True
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
