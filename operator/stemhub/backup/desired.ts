import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata } from "../metadata.ts";
import { childNames } from "../names.ts";
import { pgBackRestFiles } from "./pgbackrest.ts";

/** Every object of the backups but Secrets, in the order in which they are applied. None where there are no backups. */
export function desiredBackup(stemhub: StemHub, clusterDomain: string): KubeObject[] {
  const { backup } = stemhub.spec;
  if (!backup) return [];
  const metadata = childMetadata(stemhub, childNames(stemhub.metadata.name).backup, "backup");
  const data = { ...pgBackRestFiles(stemhub, backup, clusterDomain) };
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata, data }];
}
