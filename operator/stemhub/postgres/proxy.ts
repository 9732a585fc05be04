import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { contentHash } from "../content-hash.ts";
import { childMetadata, podLabels, selectorLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { disruptionBudget, drainFirst, rollWithoutLoss, spreadOverNodes } from "../placement.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";
import { haproxyConfiguration, proxyPorts } from "./haproxy.ts";

/** The uid of the database proxy's image. */
const proxyUid = 65532;

/** Two HAProxy pods on two nodes, their configuration, and a budget that keeps one of them through any drain. */
export function databaseProxy(stemhub: StemHub, image: string, clusterDomain: string): KubeObject[] {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const selector = selectorLabels(name, "database-proxy");
  const configuration = haproxyConfiguration(stemhub, clusterDomain);
  const metadata = childMetadata(stemhub, names.databaseProxy, "database-proxy");
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "haproxy.cfg": configuration } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    disruptionBudget(metadata, selector),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 2,
        selector: { matchLabels: selector },
        ...rollWithoutLoss,
        template: {
          metadata: {
            labels: podLabels(name, "database-proxy"),
            annotations: { "stemhub.dev/configuration": contentHash(configuration) },
          },
          spec: {
            serviceAccountName: names.databaseProxy,
            automountServiceAccountToken: false,
            terminationGracePeriodSeconds: 30,
            securityContext: restrictedPod({ uid: proxyUid }),
            topologySpreadConstraints: spreadOverNodes(selector),
            containers: [
              {
                name: "haproxy",
                image,
                imagePullPolicy: "IfNotPresent",
                ports: [
                  { name: "primary-first", containerPort: proxyPorts.primaryFirst, protocol: "TCP" },
                  { name: "replicas-first", containerPort: proxyPorts.replicasFirst, protocol: "TCP" },
                  { name: "health", containerPort: proxyPorts.health, protocol: "TCP" },
                ],
                resources: { requests: { cpu: "25m", memory: "64Mi" }, limits: { memory: "256Mi" } },
                readinessProbe: { httpGet: { path: "/readyz", port: "health" }, periodSeconds: 2, timeoutSeconds: 2 },
                livenessProbe: {
                  httpGet: { path: "/healthz", port: "health" },
                  periodSeconds: 10,
                  timeoutSeconds: 5,
                  failureThreshold: 3,
                },
                // Sessions that stay open are closed at the end of the grace.
                lifecycle: drainFirst,
                securityContext: restrictedContainer(),
                volumeMounts: [
                  { name: "configuration", mountPath: "/etc/stemhub/haproxy", readOnly: true },
                  { name: "authority", mountPath: "/etc/stemhub/authority", readOnly: true },
                  { name: "tmp", mountPath: "/tmp" },
                ],
              },
            ],
            volumes: [
              { name: "configuration", configMap: { name: names.databaseProxy } },
              { name: "authority", configMap: { name: names.authority } },
              { name: "tmp", emptyDir: {} },
            ],
          },
        },
      },
    },
  ];
}
