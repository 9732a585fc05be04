import { eventually } from "./deadline.ts";
import type { Kubectl } from "./kubectl.ts";

/** Who signs in to the database: by the Secret that the operator made for it. */
export type Login = "app" | "migrator";

/** Which of a StemHub's database Services: the app's (`db`), strictly the primary, or replicas. */
export type Endpoint = "db" | "db-rw" | "db-ro";

/** A pod beside a StemHub that reaches its database as an app would: by Service, with TLS verified, as app or migrator. */
export interface DatabaseClient {
  /** Runs SQL and returns what psql prints without decoration. Errors: CommandError with psql's words. */
  sql(statement: string, options?: { as?: Login; at?: Endpoint; sslmode?: string }): Promise<string>;
}

/** How long a proxy may take to find a server that is up: its checks are a second apart, as are its looks at DNS. */
const proxyDeadlineMs = 15_000;

/**
 * Makes the client pod for a StemHub, or finds it.
 *
 * @param avoid a node that it may not be on, since it is about to be lost
 */
export async function databaseClient(
  kubectl: Kubectl,
  stemhub: string,
  image: string,
  avoid?: string,
): Promise<DatabaseClient> {
  const name = avoid ? `${stemhub}-client-not-${avoid}` : `${stemhub}-client`;
  await kubectl.apply(clientPod({ name, stemhub, image, command: ["sleep", "infinity"], avoid }));
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
  return { sql };
}

/** How a program reaches one of a StemHub's database Services; user and password come from its environment. */
export function connectionString(kubectl: Kubectl, stemhub: string, at: Endpoint, sslmode = "verify-full"): string {
  return `host=${stemhub}-${at}.${kubectl.namespace}.svc port=5432 dbname=stemhub sslmode=${sslmode} sslrootcert=/etc/authority/ca.crt`;
}

/** A pod under the restricted standard, with both logins in its environment and the StemHub's authority mounted. */
export function clientPod(options: {
  name: string;
  stemhub: string;
  image: string;
  command: readonly string[];
  /** A node that it may not be on. */
  avoid?: string | undefined;
}): object {
  const { stemhub, ...pod } = options;
  const login = (who: Login, key: string) => ({
    name: `${who}_${key}`,
    valueFrom: { secretKeyRef: { name: `${stemhub}-db-${who}`, key } },
  });
  return clientPodWith({
    ...pod,
    env: [
      login("app", "username"),
      login("app", "password"),
      login("migrator", "username"),
      login("migrator", "password"),
    ],
    authority: `${stemhub}-ca`,
  });
}

/** A client of any database, with the image's programs. */
export function clientPodWith(options: {
  name: string;
  image: string;
  command: readonly string[];
  env: readonly object[];
  /** The ConfigMap whose certificates are mounted. */
  authority?: string;
  avoid?: string | undefined;
}): object {
  const { name, image, command, env, authority, avoid } = options;
  const mounts = authority ? [{ name: "authority", mountPath: "/etc/authority", readOnly: true }] : [];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      ...(avoid === undefined ? {} : { affinity: notOn(avoid) }),
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
          env,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: mounts,
        },
      ],
      volumes: authority ? [{ name: "authority", configMap: { name: authority } }] : [],
    },
  };
}

function notOn(node: string): object {
  const expression = { key: "kubernetes.io/hostname", operator: "NotIn", values: [node] };
  const required = { nodeSelectorTerms: [{ matchExpressions: [expression] }] };
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
}
