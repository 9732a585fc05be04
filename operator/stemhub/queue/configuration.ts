import type { QueueSpec } from "../../api/queue.ts";
import type { QueueConfiguration } from "../../api/queue-configuration.ts";
import { componentsOf, type StemHub } from "../../api/stemhub.ts";
import { parseQuantity } from "../../runtime/quantity.ts";
import { childNames, queueClients, serviceHost } from "../names.ts";

/** Ports of the queue and of its NATS servers. */
export const queuePorts = { api: 8443, health: 8081, nats: 4222, routes: 6222, monitor: 8222 } as const;

/** Of a volume: what the stream may hold. The rest is JetStream's own, and what is replaced before it is compacted. */
const streamShare = 0.7;
/** Of that: what writes may fill. Marks and outcomes of those that wait must always find room. */
const writesShare = 0.75;

/** The NATS servers by name, as clients and each other reach them. */
export function storeHosts(stemhub: StemHub, queue: QueueSpec, clusterDomain: string): string[] {
  const { name, namespace = "" } = stemhub.metadata;
  const { queueStore } = childNames(name);
  const domain = serviceHost(queueStore, namespace, clusterDomain);
  return Array.from({ length: queue.replicas }, (_, ordinal) => `${queueStore}-${ordinal}.${domain}`);
}

/** Bytes of one write's body. */
export function bodyBytes({ limits }: QueueSpec): number {
  return Math.floor(parseQuantity(limits.bodySize) ?? 0);
}

/** Bytes of one server's volume. */
export function volumeBytes({ storage }: QueueSpec): number {
  return Math.floor(parseQuantity(storage.size) ?? 0);
}

/** What the queue is told. */
export function queueConfiguration(stemhub: StemHub, queue: QueueSpec, clusterDomain: string): QueueConfiguration {
  const { name, namespace = "" } = stemhub.metadata;
  const names = childNames(name);
  const maxBytes = Math.floor(volumeBytes(queue) * streamShare);
  const components = componentsOf(stemhub).map(({ name: component, component: { port } }) => {
    const host = serviceHost(names.component(component), namespace, clusterDomain);
    return [component, `http://${host}:${port}`];
  });
  const routes = (stemhub.spec.gateway.routes ?? []).flatMap(({ path, component, writes, queue: how }) =>
    writes === "Queue" && how && component ? [{ path, component, idempotency: how.idempotency }] : [],
  );
  return {
    stemhub: name,
    namespace,
    clients: queueClients(name),
    components: Object.fromEntries(components),
    routes,
    limits: {
      bodyBytes: bodyBytes(queue),
      count: queue.limits.count,
      ageMs: queue.limits.ageHours * 3_600_000,
      storeBytes: Math.floor(maxBytes * writesShare),
    },
    nats: {
      servers: storeHosts(stemhub, queue, clusterDomain).map((host) => `tls://${host}:${queuePorts.nats}`),
      replicas: queue.replicas === 1 ? 1 : 3,
      maxBytes,
    },
  };
}
