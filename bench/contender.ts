import type { Environment } from "../e2e/environment.ts";
import {
  clientPod,
  clientPodWith,
  connectionString,
  type DatabaseClient,
  databaseClient,
} from "../e2e/support/database.ts";
import { type FaultyDatabase, faultyStemHub } from "../e2e/support/database-faults.ts";
import { emptyLedger, type LoadRoute, lockHolder, untilPatroniInSync } from "../e2e/support/database-load.ts";
import { eventually } from "../e2e/support/deadline.ts";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import { namespaceFor } from "../e2e/support/namespace.ts";
import { untilStemHub } from "../e2e/support/ready.ts";
import { echoStemHubOf } from "../e2e/support/studio.ts";
import { peerLogin, plainPatroni } from "./patroni.ts";

/** A database of three instances to which faults happen under load: a StemHub's, or one that it is held against. */
export interface Contender {
  readonly name: "a StemHub" | "plain Patroni";
  readonly database: FaultyDatabase;
  /** Begins the names of its load's pods. */
  readonly prefix: string;
  /** The pod that holds Patroni's lock. */
  primary(): Promise<string>;
  untilInSync(deadlineMs: number): Promise<void>;
  /** A client in a pod that is not on the node that is to be avoided; the table `ledger` is there, and empty. */
  client(avoid: string | undefined): Promise<DatabaseClient>;
  /** How its app reaches it: the Service that follows the primary, whatever that is in each. */
  route(avoid: string | undefined): LoadRoute;
}

/** Three instances on two busy cores: twice what was measured. */
const readyDeadlineMs = 120_000;

/** A StemHub with three instances and nothing that is not needed, ready; its app comes by NAME-db. */
export async function stemHubContender(
  environment: Environment,
  namespace: string,
  nodes: Kubectl,
): Promise<Contender> {
  const image = environment.images.postgres;
  const name = "studio";
  const kubectl = await namespaceFor(environment.kubectl, namespace, { fresh: true, bound: true });
  await kubectl.apply(echoStemHubOf(image, name, { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, name, "condition=Ready", readyDeadlineMs);
  return {
    name: "a StemHub",
    prefix: name,
    database: faultyStemHub(kubectl, name, { image, nodes }),
    primary: () => lockHolder(kubectl, `${name}-db`),
    untilInSync: (deadlineMs) =>
      untilPatroniInSync(kubectl, { scope: `${name}-db`, psql: ["psql", "-h", "/run/postgresql"] }, deadlineMs),
    client: async (avoid) => {
      const client = await databaseClient(kubectl, name, image, avoid);
      await client.sql(emptyLedger, { as: "migrator", at: "db-rw" });
      return client;
    },
    route: (avoid) => ({
      connection: connectionString(kubectl, name, "db"),
      pod: (pod, command) => clientPod({ name: pod, stemhub: name, image, command, avoid }),
    }),
  };
}

/** Three members of plain Patroni, ready; its app comes by the Service that follows the label of the primary. */
export async function patroniContender(
  environment: Environment,
  namespace: string,
  nodes: Kubectl,
): Promise<Contender> {
  const image = environment.images.postgres;
  const scope = "peer";
  const kubectl = await namespaceFor(environment.kubectl, namespace, { fresh: true });
  await kubectl.apply(...plainPatroni(namespace, image));
  await kubectl.wait(`statefulset/${scope}`, "jsonpath={.status.readyReplicas}=3", readyDeadlineMs);
  const primary = () => lockHolder(kubectl, scope);
  const connection = `host=peer-rw.${namespace}.svc port=5432 dbname=postgres sslmode=disable`;
  const env = Object.entries(peerLogin).map(([key, value]) => ({ name: `app_${key}`, value }));
  const pod = (name: string, command: readonly string[], avoid: string | undefined) =>
    clientPodWith({ name, image, command, env, avoid });
  return {
    name: "plain Patroni",
    prefix: scope,
    database: {
      kubectl,
      members: "app=peer",
      image,
      nodes,
      switchOver: async () => {
        const from = await primary();
        const command = ["patronictl", "-c", "/etc/patroni/patroni.yml", "switchover", scope, "--force"];
        await kubectl.exec(from, [...command, "--leader", from], { deadlineMs: 40_000 });
        await eventually(`${scope} has another primary`, 30_000, async () => (await primary()) !== from);
      },
    },
    primary,
    untilInSync: (deadlineMs) => untilPatroniInSync(kubectl, { scope, psql: peerPsql }, deadlineMs),
    client: async (avoid) => {
      const name = avoid ? `${scope}-client-not-${avoid}` : `${scope}-client`;
      await kubectl.apply(pod(name, ["sleep", "infinity"], avoid));
      await kubectl.wait(`pod/${name}`, "condition=Ready", 60_000);
      const script = `PGPASSWORD="$app_password" exec psql --no-psqlrc -v ON_ERROR_STOP=1 -qAt "$1 user=$app_username" -f -`;
      const client: DatabaseClient = {
        sql: async (statement) =>
          (await kubectl.exec(name, ["bash", "-c", script, "sql", connection], { input: statement })).trim(),
      };
      // Patroni's label may be newer than what kube-proxy follows: for a moment it still leads to a former primary.
      const leads = async () => (await client.sql("SELECT NOT pg_is_in_recovery()")) === "t";
      await eventually(`${scope}-rw leads to the primary`, 15_000, leads);
      await client.sql(emptyLedger);
      return client;
    },
    route: (avoid) => ({ connection, pod: (name, command) => pod(name, command, avoid) }),
  };
}

/** By the socket, where nobody is asked for a password. */
const peerPsql = ["psql", "-h", "/tmp", "-U", peerLogin.username];
