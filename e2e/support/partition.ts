import type { Cluster, Cut } from "../cluster/cluster.ts";
import { eventually } from "./deadline.ts";
import type { Kubectl } from "./kubectl.ts";

/** Somebody whom packets are kept from. */
export interface Peer {
  readonly address: string;
  /** The node that its own packets leave; unknown of what is outside the nodes. */
  readonly node?: string;
  /** Only TCP to this port; without it everything. */
  readonly port?: number;
}

/** Where a pod is, which must be on a node. */
export interface PodPeer extends Peer {
  readonly node: string;
}

/** A pod as others reach it. */
export async function podPeer(kubectl: Kubectl, pod: string): Promise<PodPeer> {
  const { spec, status } = await kubectl.get(`pod/${pod}`);
  const { nodeName: node } = spec as { nodeName?: string };
  const { podIP: address } = status as { podIP?: string };
  if (!node || !address) throw new Error(`${pod} has no node or no address yet`);
  return { node, address };
}

/** The API server as packets reach it: not by its Service, whose address is replaced before any is sent. */
export async function apiServerPeer(kubectl: Kubectl): Promise<Peer> {
  const [slice] = await kubectl.in("default").list("endpointslices", "kubernetes.io/service-name=kubernetes");
  const { endpoints, ports } = slice as unknown as {
    endpoints: { addresses: string[] }[];
    ports: { port: number }[];
  };
  const [address] = endpoints.flatMap((endpoint) => endpoint.addresses);
  const port = ports[0]?.port;
  if (endpoints.length !== 1 || !address || !port) throw new Error("there is not one API server, but none or several");
  return { address, port };
}

/** Keeps two apart, in both directions where both are on nodes. `end` mends it. */
export async function keepApart(cluster: Cluster, a: PodPeer, b: Peer): Promise<{ end(): Promise<void> }> {
  const cuts: Cut[] = [{ node: a.node, from: a.address, to: b.address, ...(b.port ? { port: b.port } : {}) }];
  if (b.node) cuts.push({ node: b.node, from: b.address, to: a.address });
  for (const cut of cuts) await cluster.cut(cut);
  return {
    end: async () => {
      for (const { node } of cuts) await cluster.mend(node);
    },
  };
}

/** Waits until a pod has been kept from an address: a connection is neither taken nor refused. */
export async function untilApart(kubectl: Kubectl, pod: string, address: string, port: number): Promise<void> {
  await eventually(`${pod} does not reach ${address}:${port}`, 10_000, async () => {
    const connect = ["timeout", "2", "bash", "-c", `exec 3<>/dev/tcp/${address}/${port}`];
    const { code } = await kubectl.attempt(["exec", pod, "--", ...connect]);
    return code === 124; // By timeout.
  });
}
