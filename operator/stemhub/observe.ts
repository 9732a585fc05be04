import type { StemHub } from "../api/stemhub.ts";
import type { CacheReader } from "../runtime/cache.ts";
import type { KubeObject, ResourceKind } from "../runtime/objects.ts";
import { kinds } from "./kinds.ts";
import { selectorLabels, stemhubLabel } from "./metadata.ts";
import { childNames } from "./names.ts";
import { readTopology, type Topology } from "./postgres/topology.ts";

/** Everything that a pass over one StemHub reads, taken once, so that all its decisions are about the same moment. */
export interface World {
  /** The database as Patroni and kubelet tell it. */
  readonly topology: Topology;
  /** Pods of all parts, in order of name. */
  readonly pods: readonly KubeObject[];
  /** Generated Secrets by name: nobody else's are read. */
  readonly secrets: ReadonlyMap<string, KubeObject>;
  readonly deployments: readonly KubeObject[];
  readonly autoscalers: readonly KubeObject[];
  readonly jobs: readonly KubeObject[];
  readonly configMaps: readonly KubeObject[];
  readonly claims: readonly KubeObject[];
  readonly statefulSet: KubeObject | undefined;
  /** The StatefulSet of the write queue's NATS servers. */
  readonly queueStore?: KubeObject | undefined;
}

/** Reads the world of one StemHub from the cache: synchronous, so nothing moves while it is read. */
export function observe(cache: CacheReader, stemhub: StemHub): World {
  const { name, namespace } = stemhub.metadata;
  const names = childNames(name);
  const list = (kind: ResourceKind) => cache.list(kind, namespace, { [stemhubLabel]: name });
  const configMaps = list(kinds.configMap);
  const store = (part: string) => configMaps.find((object) => object.metadata.name === `${names.database}-${part}`);
  const pods = list(kinds.pod);
  const claims = list(kinds.claim);
  const statefulSet = cache.get(kinds.statefulSet, namespace, names.database);
  const database = selectorLabels(name, "database");
  return {
    topology: readTopology({
      pods: pods.filter((pod) => hasLabels(pod, database)),
      leader: store("leader"),
      sync: store("sync"),
      config: store("config"),
      statefulSet,
      claims,
    }),
    pods,
    secrets: new Map(list(kinds.secret).map((object) => [object.metadata.name, object])),
    deployments: list(kinds.deployment),
    autoscalers: list(kinds.autoscaler),
    jobs: list(kinds.job),
    configMaps,
    claims,
    statefulSet,
    queueStore: cache.get(kinds.statefulSet, namespace, names.queueStore),
  };
}

/** The pods of one part of a StemHub. */
export function podsOf(world: World, stemhub: StemHub, part: Parameters<typeof selectorLabels>[1]): KubeObject[] {
  const labels = selectorLabels(stemhub.metadata.name, part);
  return world.pods.filter((pod) => hasLabels(pod, labels));
}

function hasLabels(object: KubeObject, labels: Record<string, string>): boolean {
  return Object.entries(labels).every(([key, value]) => object.metadata.labels?.[key] === value);
}
