import { isIPv6 } from "node:net";
import type { StemHub } from "../../api/stemhub.ts";
import { childNames } from "../names.ts";

/** Where a service is asked. */
export interface ServiceAddress {
  readonly probe: "collaboration" | "auth" | "dawParsing";
  readonly url: string;
  /** ConfigMap with the authority of its certificate. */
  readonly authority: string | undefined;
}

/** Cluster addresses of Services by name; absent where there is none yet. */
export type ClusterIps = ReadonlyMap<string, string>;

/**
 * The services that a StemHub has beside database and storage. Its own ones by the address of their Service: no name has to be
 * resolved while things are broken.
 */
export function serviceAddresses(stemhub: StemHub, clusterIps: ClusterIps): ServiceAddress[] {
  const { components, dawParsing, modes } = stemhub.spec;
  const own = (["collaboration", "auth"] as const).flatMap((probe): ServiceAddress[] => {
    const component = components[probe];
    const ip = clusterIps.get(childNames(stemhub.metadata.name).component(probe));
    if (!component || ip === undefined) return [];
    const path = modes.probes[probe].path ?? component.probes.readiness.path;
    return [{ probe, url: `http://${hostOf(ip)}:${component.port}${path}`, authority: undefined }];
  });
  if (!dawParsing) return own;
  const url = `${dawParsing.url.replace(/\/$/, "")}${modes.probes.dawParsing.path ?? "/readyz"}`;
  return [...own, { probe: "dawParsing", url, authority: dawParsing.caConfigMap?.name }];
}

/** The key of the operator's object in the bucket: of this StemHub alone, whoever else uses the bucket. */
export function canaryKey({ metadata }: StemHub): string {
  return `.stemhub/canary/${metadata.namespace ?? ""}/${metadata.name}-${metadata.uid ?? ""}`;
}

function hostOf(ip: string): string {
  return isIPv6(ip) ? `[${ip}]` : ip;
}
