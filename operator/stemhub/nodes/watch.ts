import type { CacheReader } from "../../runtime/cache.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import type { KubeObject, ResourceKind } from "../../runtime/objects.ts";
import { reaches } from "../../runtime/reach.ts";
import { kinds } from "../kinds.ts";
import { doubtMs, judgeNodes, type NodeEvidence, type NodeState } from "./judgement.ts";

/** kubelets renew one Lease a node here. */
export const nodeLeaseNamespace = "kube-node-lease";
export const leaseKind: ResourceKind = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases" };

/** Says which nodes are lost, from what it has seen since it was started. */
export interface NodeWatch {
  stateOf(node: string | undefined): NodeState;
  /** Was it judged lost, and has been heard again for less than `ms`? What lives there is still finding its feet. */
  healedWithin(node: string | undefined, ms: number): boolean;
  /** Called when a node is lost or heard again. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

/** Does anything answer at an address? Ends within a second. */
export type Probe = (host: string, port: number, signal: AbortSignal) => Promise<boolean>;

/** What the watch is made of. */
export interface NodeWatchOptions {
  /** Watches `leaseKind` in `nodeLeaseNamespace`, and pods. */
  readonly cache: CacheReader;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly probe?: Probe;
}

const tickMs = 1_000;
const probeDeadlineMs = 1_000;
/** More pods of one node say no more. */
const mostAsked = 4;

/** A node's Lease as it was last seen to change. */
interface Renewal {
  readonly renewTime: string | undefined;
  /** By the operator's own monotonic clock: nobody else's is compared with it. */
  readonly seenMs: number;
  /** Another one was seen before it. */
  readonly heard: boolean;
}

/** Looks once a second, until `signal`; asks pods only of a node whose kubelet is late. */
export function watchNodes(options: NodeWatchOptions): NodeWatch {
  const { clock, signal } = options;
  const watch = new LeaseWatch(options);
  const loop = async () => {
    while (!signal.aborted) {
      await watch.look();
      await clock.sleep(tickMs, signal);
    }
  };
  loop().catch((error: unknown) => {
    // A round throws only by a bug; whoever leads without it would never find a lost node. So the process ends.
    if (!signal.aborted) throw error;
  });
  return watch;
}

/** NodeWatch, by Leases and connections; `look` is one round. */
export class LeaseWatch implements NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #probe: Probe;
  readonly #renewals = new Map<string, Renewal>();
  readonly #listeners = new Set<() => void>();
  #states: ReadonlyMap<string, NodeState> = new Map();
  /** What was last known of each: a kubelet that is late for a moment is no change. */
  readonly #last = new Map<string, NodeState>();
  /** When a node that was lost was heard again, by the monotonic clock. */
  readonly #healedMs = new Map<string, number>();

  constructor(options: NodeWatchOptions) {
    this.#options = options;
    this.#probe = options.probe ?? ((host, port, signal) => reaches(host, port, probeDeadlineMs, signal));
  }

  stateOf(node: string | undefined): NodeState {
    return this.#states.get(node ?? "") ?? "unknown";
  }

  healedWithin(node: string | undefined, ms: number): boolean {
    const healedMs = this.#healedMs.get(node ?? "");
    return healedMs !== undefined && this.#options.clock.monotonic() - healedMs < ms;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes in the Leases, asks what is to be asked, judges, and tells what has changed. */
  async look(): Promise<void> {
    const { cache, clock, log } = this.#options;
    const now = clock.monotonic();
    const leases = cache.list(leaseKind, nodeLeaseNamespace);
    this.#takeIn(leases, now);
    const evidence = new Map<string, NodeEvidence>(
      await Promise.all(leases.map(async ({ metadata: { name } }) => [name, await this.#evidence(name, now)] as const)),
    );
    this.#states = judgeNodes(evidence);
    const changed = [...this.#states].filter(([node, state]) => state !== "unknown" && state !== this.#last.get(node));
    for (const [node, state] of changed) {
      const { silentMs, asked } = evidence.get(node) ?? {};
      // A first renewal is no news.
      if (this.#last.has(node)) log.warn({ node, state, silentMs, asked }, "a node was judged");
      if (state === "well" && this.#last.get(node) === "lost") this.#healedMs.set(node, now);
      this.#last.set(node, state);
    }
    if (changed.length > 0) for (const listener of this.#listeners) listener();
  }

  #takeIn(leases: readonly KubeObject[], now: number): void {
    for (const { metadata, spec } of leases) {
      const { renewTime } = (spec ?? {}) as { renewTime?: string };
      const known = this.#renewals.get(metadata.name);
      if (known?.renewTime === renewTime) continue;
      this.#renewals.set(metadata.name, { renewTime, seenMs: now, heard: known !== undefined });
    }
    const names = new Set(leases.map((lease) => lease.metadata.name));
    for (const name of this.#renewals.keys()) if (!names.has(name)) this.#renewals.delete(name);
  }

  async #evidence(node: string, now: number): Promise<NodeEvidence> {
    const { seenMs = now, heard = false } = this.#renewals.get(node) ?? {};
    const silentMs = now - seenMs;
    const lost = this.stateOf(node) === "lost";
    if (silentMs < doubtMs || lost) return { silentMs, asked: 0, answered: 0, heard, lost };
    const addresses = this.#options.cache
      .list(kinds.pod, undefined)
      .filter((pod) => (pod.spec as { nodeName?: string } | undefined)?.nodeName === node)
      .flatMap(addressOf)
      .slice(0, mostAsked);
    const answers = await Promise.all(addresses.map(({ ip, port }) => this.#probe(ip, port, this.#options.signal)));
    return { silentMs, asked: addresses.length, answered: answers.filter(Boolean).length, heard, lost };
  }
}

/** Where a running pod of ours listens: the first port of its first container. */
function addressOf(pod: KubeObject): { readonly ip: string; readonly port: number }[] {
  const { podIP, phase } = (pod.status ?? {}) as { podIP?: string; phase?: string };
  const { containers = [] } = (pod.spec ?? {}) as { containers?: { ports?: { containerPort: number }[] }[] };
  const port = containers[0]?.ports?.[0]?.containerPort;
  return podIP && phase === "Running" && port ? [{ ip: podIP, port }] : [];
}
