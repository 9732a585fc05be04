import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "./deadline.ts";
import type { Kubectl } from "./kubectl.ts";
import { type Acknowledged, parseLedger } from "./ledger.ts";

/** Who signs in to the database: by the Secret that the operator made for it. */
export type Login = "app" | "migrator";

/** Which of a StemHub's database Services: the app's (`db`), strictly the primary, or replicas. */
export type Endpoint = "db" | "db-rw" | "db-ro";

/** A pod beside a StemHub that reaches its database as an app would: by Service, with TLS verified, as app or migrator. */
export interface DatabaseClient {
  /** Runs SQL and returns what psql prints without decoration. Errors: CommandError with psql's words. */
  sql(statement: string, options?: { as?: Login; at?: Endpoint; sslmode?: string }): Promise<string>;
  /** Starts a writer that commits a row every 50 ms through `at`, each acknowledged one told in its log. */
  startWriter(at?: Endpoint): Promise<Writer>;
}

/** A writer under way. Its rows are in table `ledger`, made by the migrator. */
export interface Writer {
  /** What was acknowledged until now. */
  acknowledged(): Promise<Acknowledged[]>;
  /** Waits for `count` more acknowledgements than there are now. */
  goesOn(count: number, deadlineMs: number): Promise<void>;
  /** Ends it and returns all that was acknowledged. */
  stop(): Promise<Acknowledged[]>;
}

/** How long a proxy may take to find a server that is up: its checks are a second apart, as are its looks at DNS. */
const proxyDeadlineMs = 15_000;

/** Makes the client pod for a StemHub, or finds it. */
export async function databaseClient(kubectl: Kubectl, stemhub: string, image: string): Promise<DatabaseClient> {
  const name = `${stemhub}-client`;
  await kubectl.apply(clientPod({ name, stemhub, image, command: ["sleep", "infinity"] }));
  await kubectl.wait(`pod/${name}`, "condition=Ready", 60_000);
  const sql: DatabaseClient["sql"] = async (statement, options = {}) => {
    const login = options.as ?? "app";
    const script = `PGPASSWORD="$${login}_password" exec psql --no-psqlrc -v ON_ERROR_STOP=1 -qAt "$1 user=$${login}_username" -f -`;
    const connection = connectionString(kubectl, stemhub, options.at ?? "db", options.sslmode);
    return (await kubectl.exec(name, ["bash", "-c", script, "sql", connection], { input: statement })).trim();
  };
  // Ready says that the database serves; its proxies find out by themselves, within seconds.
  for (const at of ["db", "db-ro"] as const) {
    await eventually(`${stemhub}-${at} answers`, proxyDeadlineMs, async () => (await sql("SELECT 1", { at })) === "1");
  }
  return {
    sql,
    startWriter: async (at = "db-rw") => {
      await sql(
        "CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY, at timestamptz DEFAULT now()); TRUNCATE ledger;",
        {
          as: "migrator",
          at: "db-rw",
        },
      );
      const writer = `${stemhub}-writer`;
      await kubectl.delete(`pod/${writer}`, { wait: true, force: true });
      const command = ["python3", "-u", "-c", writerProgram, connectionString(kubectl, stemhub, at)];
      await kubectl.apply(clientPod({ name: writer, stemhub, image, command }));
      return new WriterPod(kubectl, writer);
    },
  };
}

class WriterPod implements Writer {
  readonly #kubectl: Kubectl;
  readonly #pod: string;

  constructor(kubectl: Kubectl, pod: string) {
    this.#kubectl = kubectl;
    this.#pod = pod;
  }

  async acknowledged(): Promise<Acknowledged[]> {
    return parseLedger(await this.#kubectl.logs(this.#pod)).acknowledged;
  }

  async goesOn(count: number, deadlineMs: number): Promise<void> {
    let first: number | undefined;
    await eventually(`${count} more rows acknowledged to ${this.#pod}`, deadlineMs, async () => {
      const { length } = await this.acknowledged();
      first ??= length;
      return length >= first + count;
    });
  }

  async stop(): Promise<Acknowledged[]> {
    // What is acknowledged later than this look is of no interest: fewer rows are held to account, never more.
    const acknowledged = await this.acknowledged();
    await this.#kubectl.delete(`pod/${this.#pod}`, { force: true });
    await sleep(200);
    return acknowledged;
  }
}

/**
 * Commits one row every 50 ms over one connection; after an error over a new one. Every wait inside is bounded, as
 * libpq's own are not: a server that vanished would hold a writer for a quarter of an hour.
 */
const writerProgram = `
import os, sys, time
try:
    import psycopg
except ImportError:
    import psycopg2 as psycopg
dsn = sys.argv[1] + " user=" + os.environ["app_username"] + " connect_timeout=2 tcp_user_timeout=2000 keepalives_idle=1 keepalives_interval=1 keepalives_count=2"
os.environ["PGPASSWORD"] = os.environ["app_password"]
number, connection = 0, None
while True:
    due = time.time() + 0.05
    number += 1
    try:
        if connection is None:
            connection = psycopg.connect(dsn, options="-c statement_timeout=3s")
            connection.autocommit = True
        connection.cursor().execute("INSERT INTO ledger (id) VALUES (%s)", (number,))
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

function connectionString(kubectl: Kubectl, stemhub: string, at: Endpoint, sslmode = "verify-full"): string {
  return `host=${stemhub}-${at}.${kubectl.namespace}.svc port=5432 dbname=stemhub sslmode=${sslmode} sslrootcert=/etc/authority/ca.crt`;
}

/** A pod under the restricted standard, with both logins in its environment and the StemHub's authority mounted. */
function clientPod(options: { name: string; stemhub: string; image: string; command: readonly string[] }): object {
  const { name, stemhub, image, command } = options;
  const login = (who: Login, key: string) => ({
    name: `${who}_${key}`,
    valueFrom: { secretKeyRef: { name: `${stemhub}-db-${who}`, key } },
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 999,
        runAsGroup: 999,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "client",
          image,
          imagePullPolicy: "IfNotPresent",
          command,
          env: [
            login("app", "username"),
            login("app", "password"),
            login("migrator", "username"),
            login("migrator", "password"),
          ],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [{ name: "authority", mountPath: "/etc/authority", readOnly: true }],
        },
      ],
      volumes: [{ name: "authority", configMap: { name: `${stemhub}-ca` } }],
    },
  };
}
