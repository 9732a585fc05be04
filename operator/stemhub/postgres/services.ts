import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata, type Part, selectorLabels, serviceSelector } from "../metadata.ts";
import { childNames } from "../names.ts";
import { proxyPorts } from "./haproxy.ts";
import { databasePorts, patroniLabels } from "./patroni.ts";

/**
 * The database's addresses:
 * - NAME-db: the app's. The primary, or while there is none a healthy replica (through HAProxy).
 * - NAME-db-rw: strictly the primary, by Patroni's label.
 * - NAME-db-ro: replicas within the lag bound (through HAProxy); the primary when there are none.
 * - NAME-db-pods: each member by its own name, for Patroni, replication and HAProxy.
 */
export function databaseServices(stemhub: StemHub): KubeObject[] {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const proxy = serviceSelector(name, "database-proxy");
  const service = (serviceName: string, part: Part, spec: Record<string, unknown>): KubeObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(stemhub, serviceName, part),
    spec,
  });
  const postgres = (targetPort: string | number) => [
    { name: "postgres", port: databasePorts.postgres, targetPort, protocol: "TCP" },
  ];
  return [
    service(names.database, "database-proxy", { selector: proxy, ports: postgres(proxyPorts.primaryFirst) }),
    service(names.databaseReadOnly, "database-proxy", { selector: proxy, ports: postgres(proxyPorts.replicasFirst) }),
    service(names.databaseReadWrite, "database", {
      selector: { ...serviceSelector(name, "database"), [patroniLabels.role]: patroniLabels.primary },
      ports: postgres("postgres"),
    }),
    service(names.databasePods, "database", {
      clusterIP: "None",
      // A member that is not ready must be found by its peers, or it could never become ready.
      publishNotReadyAddresses: true,
      // Also on a lost node: whoever is cut off from the operator may not be from its peers.
      selector: selectorLabels(name, "database"),
      ports: [
        ...postgres("postgres"),
        { name: "patroni", port: databasePorts.patroni, targetPort: "patroni", protocol: "TCP" },
      ],
    }),
  ];
}
