import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata } from "../metadata.ts";

/** The ConfigMap that remembers which migrations have succeeded: decision 0003. */
export function ledgerName(stemhub: StemHub): string {
  return `${stemhub.metadata.name}-releases`;
}

/** The hashes of migrations that have succeeded, with the release's version. */
export function readLedger(stemhub: StemHub, configMaps: readonly KubeObject[]): Readonly<Record<string, string>> {
  const ledger = configMaps.find((configMap) => configMap.metadata.name === ledgerName(stemhub));
  return (ledger?.data ?? {}) as Record<string, string>;
}

/** The ledger with what is known to have succeeded; nothing while nothing has. */
export function ledger(stemhub: StemHub, succeeded: Readonly<Record<string, string>>): KubeObject[] {
  if (Object.keys(succeeded).length === 0) return [];
  const metadata = childMetadata(stemhub, ledgerName(stemhub), "release");
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { ...succeeded } }];
}
