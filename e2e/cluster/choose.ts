import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../support/command.ts";
import { type Cluster, ClusterError } from "./cluster.ts";
import { ExistingCluster } from "./existing.ts";
import { KindCluster } from "./kind.ts";
import { LocalCluster } from "./local/local.ts";

/** What this machine has that a provider could use. */
export interface Machine {
  readonly kind: boolean;
  /** A daemon that answers, not the command alone. */
  readonly docker: boolean;
  readonly linux: boolean;
  readonly root: boolean;
}

/** Which provider, and why, in words for the person who asked. */
export interface Choice {
  readonly provider: Cluster["provider"];
  readonly reason: string;
}

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const probeDeadlineMs = 10_000;

/**
 * The cluster that commands of this checkout mean. CLUSTER (local, kind, existing) chooses the provider; without it, kind
 * where Docker and kind are there, else local. CLUSTER_NAME names it.
 *
 * Errors: ClusterError when this machine can run none, or CLUSTER is none of them.
 */
export async function chooseCluster(
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly cluster: Cluster; readonly reason: string }> {
  const { provider, reason } = choose(env, await machine());
  const name = clusterName(env);
  switch (provider) {
    case "local":
      return { cluster: new LocalCluster(name), reason };
    case "kind":
      return { cluster: new KindCluster(name), reason };
    case "existing":
      return { cluster: new ExistingCluster(env), reason };
  }
}

/** The decision alone. */
export function choose(env: NodeJS.ProcessEnv, machine: Machine): Choice {
  switch (env.CLUSTER) {
    case "local":
    case "kind":
    case "existing":
      return { provider: env.CLUSTER, reason: `CLUSTER=${env.CLUSTER}` };
    case undefined:
    case "":
      break;
    default:
      throw new ClusterError(`CLUSTER is local, kind or existing, not ${env.CLUSTER}`);
  }
  if (machine.kind && machine.docker) return { provider: "kind", reason: "kind is installed and Docker answers" };
  const why = machine.docker ? "kind is not installed" : "no Docker daemon answers";
  if (machine.linux && machine.root) return { provider: "local", reason: `${why}; this is Linux, as root` };
  throw new ClusterError(
    `no cluster can be made here: ${why}, and without them it takes Linux and root. Install Docker and kind ` +
      "(https://kind.sigs.k8s.io), or use a cluster that you have: CLUSTER=existing KUBECONFIG=FILE",
  );
}

/** CLUSTER_NAME, or a name that no other checkout has. */
export function clusterName(env: NodeJS.ProcessEnv, path = checkout): string {
  const name = env.CLUSTER_NAME || `stemhub-${createHash("sha256").update(path).digest("hex").slice(0, 6)}`;
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return name;
  throw new ClusterError(`CLUSTER_NAME: up to 40 of a-z, 0-9 and -, not ${name}`);
}

/** Whether a Docker daemon answers. */
export async function hasDocker(): Promise<boolean> {
  return succeeds("docker", ["info"]);
}

async function machine(): Promise<Machine> {
  const [kind, docker] = await Promise.all([succeeds("kind", ["version"]), hasDocker()]);
  return { kind, docker, linux: process.platform === "linux", root: process.getuid?.() === 0 };
}

/** False, too, when there is no such program, or it does not end in time. */
async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    return (await runToEnd(program, args, { deadlineMs: probeDeadlineMs })).code === 0;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
