import { readFile } from "node:fs/promises";
import type { Agent } from "node:http";
import type { Clock } from "./clock.ts";

/** What makes the TLS connection ours. `id` changes with the material, so that a rotated CA opens new connections. */
export interface TlsMaterial {
  readonly id: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface CurrentCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Set when the connection must go through a proxy that the kubeconfig names. */
  readonly agent?: Agent;
}

/** Where the API server is and how to be let in. Asked before each request, since tokens rotate. */
export interface Credentials {
  readonly server: URL;
  current(): Promise<CurrentCredentials>;
}

/** The kubelet rewrites the token well before it expires (at 80 % of an hour); client-go reads it once a minute too. */
const serviceAccountRereadMs = 60_000;

/**
 * The pod's own ServiceAccount, read from its mounted files.
 *
 * Not by @kubernetes/client-node's KubeConfig, which does the same: importing it costs 80 MB of resident memory
 * (128 MB against 48 MB, Node 24), more than the whole operator needs otherwise, and a pod uses none of the rest.
 */
export async function inClusterCredentials(
  clock: Clock,
  env: Readonly<Record<string, string | undefined>>,
  directory = "/var/run/secrets/kubernetes.io/serviceaccount",
): Promise<Credentials> {
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new Error("no kubeconfig was given and KUBERNETES_SERVICE_HOST is unset: this is not a pod");
  }
  const read = async (): Promise<CurrentCredentials> => {
    const [token, ca] = await Promise.all([readFile(`${directory}/token`, "utf8"), readFile(`${directory}/ca.crt`)]);
    return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { id: ca.toString("base64"), ca } };
  };
  let known = await read();
  let readAt = clock.monotonic();
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    async current() {
      if (clock.monotonic() - readAt >= serviceAccountRereadMs) {
        known = await read();
        readAt = clock.monotonic();
      }
      return known;
    },
  };
}

/**
 * A kubeconfig, with everything that @kubernetes/client-node understands: client certificates, tokens, exec plugins,
 * proxies. The library is loaded only here.
 */
export async function kubeconfigCredentials(path: string, context?: string): Promise<Credentials> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(path);
  if (context) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`kubeconfig ${path} has no cluster for context ${config.getCurrentContext()}`);
  const user = config.getCurrentUser();
  const usesAgent = cluster.proxyUrl !== undefined;
  const material = (options: { ca?: unknown; cert?: unknown; key?: unknown }, name: "ca" | "cert" | "key") =>
    Buffer.isBuffer(options[name]) ? { [name]: options[name] } : {};
  return {
    server: new URL(cluster.server),
    async current() {
      const options: Parameters<typeof config.applyToHTTPSOptions>[0] = {};
      await config.applyToHTTPSOptions(options);
      const headers = Object.fromEntries(
        Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
      );
      if (user?.username) {
        headers.authorization = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString("base64")}`;
      }
      const parts = [options.ca, options.cert, options.key].map((part) => (Buffer.isBuffer(part) ? part : ""));
      const tls: TlsMaterial = {
        id: parts.map((part) => part.toString("base64")).join("."),
        ...material(options, "ca"),
        ...material(options, "cert"),
        ...material(options, "key"),
        ...(options.servername ? { servername: options.servername } : {}),
        ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
      };
      return { headers, tls, ...(usesAgent && options.agent ? { agent: options.agent as Agent } : {}) };
    },
  };
}

/** A fixed server and token: what tests and tools have at hand. */
export function tokenCredentials(server: string, token: string, ca?: Buffer): Credentials {
  const tls: TlsMaterial = { id: ca?.toString("base64") ?? "", ...(ca ? { ca } : {}) };
  return {
    server: new URL(server),
    current: () => Promise.resolve({ headers: { authorization: `Bearer ${token}` }, tls }),
  };
}
