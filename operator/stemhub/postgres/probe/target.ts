import type { StemHub } from "../../../api/stemhub.ts";
import type { KubeObject } from "../../../runtime/objects.ts";
import { childNames, serviceHost } from "../../names.ts";
import { databasePorts } from "../patroni.ts";
import type { Topology } from "../topology.ts";
import type { ProbedMember, ProbeTarget } from "./database-probe.ts";

/** What a target is made from. */
export interface TargetSources {
  readonly stemhub: StemHub;
  readonly topology: Topology;
  /** Of the database. */
  readonly pods: readonly KubeObject[];
  /** Generated Secrets by name. */
  readonly secrets: ReadonlyMap<string, KubeObject>;
  readonly clusterDomain: string;
}

/** Whom to ask: the members that are ready, as the role `stemhub_probe`. Undefined while there is no primary. */
export function probeTarget({
  stemhub,
  topology,
  pods,
  secrets,
  clusterDomain,
}: TargetSources): ProbeTarget | undefined {
  const names = childNames(stemhub.metadata.name);
  const authority = decoded(secrets.get(names.authority), "ca.crt");
  const password = decoded(secrets.get(names.probeSecret), "password");
  const user = decoded(secrets.get(names.probeSecret), "username");
  if (!authority || !password || !user) return undefined;
  const domain = serviceHost(names.databasePods, stemhub.metadata.namespace ?? "", clusterDomain);
  const members = topology.members
    .filter(({ ready }) => ready)
    .flatMap(({ pod, uid }): ProbedMember[] => {
      const ip = podIp(pods.find(({ metadata }) => metadata.uid === uid));
      return ip
        ? [{ pod, uid, address: { ip, port: databasePorts.postgres, host: `${pod}.${domain}`, authority } }]
        : [];
    });
  const primary = members.find(({ pod }) => pod === topology.primary);
  return primary && { primary, members, login: { user, password } };
}

function podIp(pod: KubeObject | undefined): string | undefined {
  return (pod?.status as { podIP?: string } | undefined)?.podIP;
}

/** One key of a Secret; undefined where it is not there, as before the first start. */
function decoded(secret: KubeObject | undefined, key: string): string | undefined {
  const value = (secret?.data as Record<string, string> | undefined)?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}
