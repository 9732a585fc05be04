import type { StemHub } from "../../../api/stemhub.ts";
import type { KubeObject } from "../../../runtime/objects.ts";
import { readSecret } from "../../generated-secret.ts";
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
  const [authority, probe] = [secrets.get(names.authority), secrets.get(names.probeSecret)];
  // As before the first start.
  if (!authority || !probe) return undefined;
  const login = { user: readSecret(probe, "username"), password: readSecret(probe, "password") };
  const ca = readSecret(authority, "ca.crt");
  const domain = serviceHost(names.databasePods, stemhub.metadata.namespace ?? "", clusterDomain);
  const members = topology.members
    .filter(({ ready }) => ready)
    .flatMap(({ pod, uid }): ProbedMember[] => {
      const ip = podIp(pods.find(({ metadata }) => metadata.uid === uid));
      return ip
        ? [{ pod, uid, address: { ip, port: databasePorts.postgres, host: `${pod}.${domain}`, authority: ca } }]
        : [];
    });
  const primary = members.find(({ pod }) => pod === topology.primary);
  return primary && { primary, members, login, archives: stemhub.spec.backup !== undefined };
}

function podIp(pod: KubeObject | undefined): string | undefined {
  return (pod?.status as { podIP?: string } | undefined)?.podIP;
}
