import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata, selectorLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { disruptionBudget } from "../placement.ts";
import { databaseAccess } from "./access.ts";
import { dynamicConfiguration, patroniYaml } from "./patroni.ts";
import { databaseProxy } from "./proxy.ts";
import { databaseServices } from "./services.ts";
import { databaseStatefulSet, type MemberParts } from "./statefulset.ts";
import type { Topology } from "./topology.ts";

/** What the database's objects are made from. */
export interface DatabaseInput {
  readonly stemhub: StemHub;
  readonly topology: Topology;
  /** How many pods there are to be now (scale.ts). */
  readonly replicas: number;
  /** Sessions are to be read-only where they do not say otherwise. */
  readonly readOnly: boolean;
  readonly images: { readonly postgres: string; readonly databaseProxy: string };
  readonly clusterDomain: string;
  /** The size that the StatefulSet makes volumes with, and what the smallest one has now (growth.ts). */
  readonly templateSize: string | number;
  readonly volumeSize: string | number;
  /** What the backups have in every member. */
  readonly beside: MemberParts;
}

/** Every object of the database but its Secrets, in the order in which they are applied: what is mounted comes first. */
export function desiredDatabase(input: DatabaseInput): KubeObject[] {
  const { stemhub, topology, replicas, readOnly, images, clusterDomain, templateSize, volumeSize, beside } = input;
  const names = childNames(stemhub.metadata.name);
  return [
    ...databaseAccess(stemhub),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: childMetadata(stemhub, names.patroni, "database"),
      data: { "patroni.yml": patroniYaml(stemhub) },
    },
    ...databaseServices(stemhub),
    ...memberBudget(stemhub),
    databaseStatefulSet({ stemhub, replicas, image: images.postgres, clusterDomain, templateSize, beside }),
    ...storedConfiguration(stemhub, topology, { readOnly, volumeSize }),
    ...databaseProxy(stemhub, images.databaseProxy, clusterDomain),
  ];
}

/** One member may be away at a time. A single instance has no budget, which would protect nothing. */
function memberBudget(stemhub: StemHub): KubeObject[] {
  if (stemhub.spec.database.instances === 1) return [];
  const names = childNames(stemhub.metadata.name);
  return [
    disruptionBudget(
      childMetadata(stemhub, names.database, "database"),
      selectorLabels(stemhub.metadata.name, "database"),
    ),
  ];
}

/**
 * Patroni's shared configuration, which its file sets only at the very first start: from then on the copy in its store
 * is the truth, and changing it there is how a running cluster learns of, say, another synchronous mode. Not before the
 * database is initialized, or Patroni's first start would find a store that it did not write.
 */
function storedConfiguration(
  stemhub: StemHub,
  topology: Topology,
  now: { readonly readOnly: boolean; readonly volumeSize: string | number },
): KubeObject[] {
  if (!topology.initialized) return [];
  const name = `${childNames(stemhub.metadata.name).database}-config`;
  const namespace = stemhub.metadata.namespace;
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name,
        ...(namespace ? { namespace } : {}),
        annotations: { config: JSON.stringify(dynamicConfiguration(stemhub.spec, now)) },
      },
    },
  ];
}
