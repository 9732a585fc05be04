import { setTimeout as sleep } from "node:timers/promises";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import { metricsPort, operatorLeader, operatorPods } from "../e2e/support/operator.ts";
import { type Sample, scrape, single, sumBy } from "../e2e/support/prometheus.ts";

/** What one operator process used between two moments. */
export interface Slice {
  /** Working set, in bytes, as kubelet counts it: what `kubectl top pod` shows and the memory limit is held against. */
  readonly memoryBytes: number;
  /** Mean over the slice. */
  readonly cpuMillicores: number;
}

/** What the operator did while nothing happened. */
export interface IdleFigures {
  readonly slices: readonly Slice[];
  /** Requests to the API server by HTTP method, of all replicas together, over the whole time. */
  readonly requests: ReadonlyMap<string, number>;
}

/** Watches the operator for a while and touches nothing: its own scrapes are not requests of the operator. */
export async function measureIdle(
  kubectl: Kubectl,
  options: { readonly slices: number; readonly sliceMs: number },
): Promise<IdleFigures> {
  const leader = await operatorLeader(kubectl);
  const requestsBefore = await requestsOf(kubectl);
  const slices: Slice[] = [];
  let before = await look(kubectl, leader);
  for (let index = 0; index < options.slices; index += 1) {
    await sleep(options.sliceMs);
    const after = await look(kubectl, leader);
    const seconds = (after.atMs - before.atMs) / 1_000;
    slices.push({
      memoryBytes: await workingSetBytes(kubectl, leader),
      cpuMillicores: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 1_000,
    });
    before = after;
  }
  return { slices, requests: difference(requestsBefore, await requestsOf(kubectl)) };
}

/** What was added between two countings, by key; keys without change are kept, since zero is an answer. */
export function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map([...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)]));
}

async function look(kubectl: Kubectl, leader: string): Promise<{ atMs: number; cpuSeconds: number }> {
  const samples = await scrape(kubectl, leader, metricsPort);
  return { atMs: performance.now(), cpuSeconds: single(samples, "process_cpu_seconds_total") };
}

async function requestsOf(kubectl: Kubectl): Promise<Map<string, number>> {
  const scraped: Sample[] = [];
  for (const pod of await operatorPods(kubectl))
    scraped.push(...(await scrape(kubectl, pod.metadata.name, metricsPort)));
  return sumBy(scraped, "rest_client_requests_total", "method");
}

async function workingSetBytes(kubectl: Kubectl, pod: string): Promise<number> {
  const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${kubectl.namespace}/pods/${pod}`;
  const { containers } = JSON.parse(await kubectl.run(["get", "--raw", path])) as {
    containers: readonly { usage: { memory: string } }[];
  };
  return containers.reduce((sum, { usage }) => sum + bytes(usage.memory), 0);
}

/** A memory quantity in bytes: metrics-server gives Ki, others may give Mi or plain bytes. */
export function bytes(quantity: string): number {
  const [, number, unit = ""] = /^(\d+)(Ki|Mi|Gi|)$/.exec(quantity) ?? [];
  const factor = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit];
  if (number === undefined || factor === undefined) throw new Error(`${quantity} is no memory quantity`);
  return Number(number) * factor;
}
