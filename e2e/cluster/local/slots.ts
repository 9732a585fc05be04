import { ClusterError } from "../cluster.ts";

/** How many clusters fit on one machine. */
export const slotCount = 32;

/** Kubernetes' names of the nodes, the same in every cluster: what differs between clusters is what the host sees. */
export const nodeNames = ["n1", "n2", "n3"] as const;

/** The API server's port. Not the usual 6443: another cluster on this machine may have that on every address. */
export const apiPort = 6444;

/** One node as its host and its peers see it. */
export interface NodeLayout {
  /** Kubernetes' name: n1. */
  readonly name: string;
  /** 1, 2, 3: also the zone's number. */
  readonly index: number;
  readonly address: string;
  /** A /24. */
  readonly pods: string;
  readonly netns: string;
  /** The host's end of its cable. At most 15 characters, as Linux has it. */
  readonly veth: string;
  /** Below each cgroup hierarchy's root. */
  readonly cgroup: string;
}

/** Names and addresses of a cluster, which no other slot shares. */
export interface Layout {
  readonly slot: number;
  readonly bridge: string;
  /** Of the host's own processes, below each cgroup hierarchy's root. */
  readonly hostCgroup: string;
  /** The host on the bridge, where its processes listen for pods and nodes. */
  readonly hostAddress: string;
  /** For what only the host's own processes ask: no pod or node reaches it. */
  readonly loopback: string;
  readonly nodeNetwork: string;
  readonly podNetwork: string;
  readonly serviceNetwork: string;
  /** The API server's own Service, the first address of the service network. */
  readonly apiServiceAddress: string;
  readonly nodes: readonly NodeLayout[];
}

/** The layout of a slot: nodes in 10.127.SLOT.0/24, pods in 10.(128+SLOT).0.0/16, services in 10.(160+SLOT).0.0/16. */
export function layoutOf(slot: number): Layout {
  if (!Number.isInteger(slot) || slot < 0 || slot >= slotCount) throw new RangeError(`no such slot: ${slot}`);
  const pods = `10.${128 + slot}`;
  const services = `10.${160 + slot}`;
  return {
    slot,
    bridge: `stemhub${slot}`,
    hostCgroup: `stemhub${slot}-host`,
    hostAddress: `10.127.${slot}.1`,
    loopback: `127.10.${slot}.1`,
    nodeNetwork: `10.127.${slot}.0/24`,
    podNetwork: `${pods}.0.0/16`,
    serviceNetwork: `${services}.0.0/16`,
    apiServiceAddress: `${services}.0.1`,
    nodes: nodeNames.map((name, position) => ({
      name,
      index: position + 1,
      address: `10.127.${slot}.${11 + position}`,
      pods: `${pods}.${position + 1}.0/24`,
      netns: `stemhub${slot}-${name}`,
      veth: `stemhub${slot}-${name}`,
      cgroup: `stemhub${slot}-${name}`,
    })),
  };
}

/** What is in use on this machine, whoever uses it. */
export interface InUse {
  readonly slots: readonly number[];
  readonly interfaces: readonly string[];
  /** Routes' destinations as `ip route` prints them: `default`, `10.0.0.0/8`, `10.1.2.3`. */
  readonly routes: readonly string[];
}

/**
 * The first slot that clashes with nothing.
 * Errors: ClusterError when there is none.
 */
export function freeSlot(inUse: InUse): number {
  for (let slot = 0; slot < slotCount; slot++) {
    const layout = layoutOf(slot);
    const networks = [layout.nodeNetwork, layout.podNetwork, layout.serviceNetwork];
    const clash =
      inUse.slots.includes(slot) ||
      inUse.interfaces.includes(layout.bridge) ||
      inUse.routes.some((route) => route !== "default" && networks.some((network) => overlap(network, route)));
    if (!clash) return slot;
  }
  throw new ClusterError(
    `no room for another cluster: ${slotCount} are up, or this machine's routes take their networks`,
  );
}

/** Whether two IPv4 networks (`10.0.0.0/8`; a bare address is a /32) have an address in common. */
export function overlap(a: string, b: string): boolean {
  const [first, second] = [range(a), range(b)];
  return first.from <= second.to && second.from <= first.to;
}

function range(network: string): { from: number; to: number } {
  const [address = "", length = "32"] = network.split("/");
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  const from = Math.floor(number / size) * size;
  return { from, to: from + size - 1 };
}
