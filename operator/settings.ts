import { randomUUID } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";

/** Everything that can be set from outside, validated once at start-up. */
export interface Settings {
  readonly images: {
    readonly postgres: string;
    readonly databaseProxy: string;
    readonly gateway: string;
    readonly queue: string;
    readonly nats: string;
  };
  readonly clusterDomain: string;
  /** Namespaces whose StemHubs are worked on; empty: every namespace. */
  readonly watchNamespaces: readonly string[];
  readonly leaderElection: { readonly namespace: string; readonly identity: string };
  /** What the command names that grants rights in a namespace: set by the chart. */
  readonly rights: { readonly clusterRole: string; readonly serviceAccount: string };
  /** The node that this process runs on; undefined where nobody has said so. */
  readonly node: string | undefined;
  readonly metricsPort: number;
  readonly logLevel: string;
  /** Path of a kubeconfig; absent inside a cluster. */
  readonly kubeconfig: string | undefined;
}

const logLevels = ["debug", "info", "warn", "error"];

/**
 * Reads flags and environment. Ends the process with usage and a sentence when a flag is wrong (commander), since an
 * operator that starts with half its settings would be worse than none.
 */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const identity = `${env.POD_NAME ?? "local"}-${randomUUID().slice(0, 8)}`;
  const command = new Command("stemhub-operator")
    .description("Turns StemHub objects into running platforms.")
    .requiredOption("--postgres-image <ref>", "image of the database pods")
    .requiredOption("--database-proxy-image <ref>", "image of the database's HAProxy")
    .requiredOption("--gateway-image <ref>", "image of the gateway")
    .requiredOption("--queue-image <ref>", "image of the write queue")
    .requiredOption("--nats-image <ref>", "image of the NATS servers that keep its writes")
    .option("--cluster-domain <name>", "the cluster's DNS domain", "cluster.local")
    .option("--watch-namespaces <list>", "comma-separated; empty: every namespace", list, [])
    .option("--leader-election-namespace <name>", "where the Lease is kept", env.POD_NAMESPACE ?? "default")
    .option("--leader-election-id <name>", "this process, and no other that ever was", identity)
    .option("--metrics-port <port>", "port of /metrics, /healthz and /readyz", port, 8080)
    .option("--log-level <level>", logLevels.join(" | "), oneOf(logLevels), "info")
    .option("--kubeconfig <path>", "outside a cluster: which one to work on", env.KUBECONFIG);
  const options = command.parse(argv).opts();
  return {
    images: {
      postgres: options.postgresImage,
      databaseProxy: options.databaseProxyImage,
      gateway: options.gatewayImage,
      queue: options.queueImage,
      nats: options.natsImage,
    },
    clusterDomain: options.clusterDomain,
    watchNamespaces: options.watchNamespaces,
    leaderElection: { namespace: options.leaderElectionNamespace, identity: options.leaderElectionId },
    rights: {
      clusterRole: env.NAMESPACE_CLUSTER_ROLE ?? "stemhub-operator-namespace",
      serviceAccount: `${options.leaderElectionNamespace}:${env.POD_SERVICE_ACCOUNT ?? "stemhub-operator"}`,
    },
    node: env.NODE_NAME,
    metricsPort: options.metricsPort,
    logLevel: options.logLevel,
    kubeconfig: options.kubeconfig,
  };
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError("A port is 0 to 65535.");
  return value;
}

function oneOf(allowed: readonly string[]) {
  return (text: string): string => {
    if (!allowed.includes(text)) throw new InvalidArgumentError(`Allowed: ${allowed.join(", ")}.`);
    return text;
  };
}
