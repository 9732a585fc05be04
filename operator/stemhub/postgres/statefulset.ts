import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { contentHash } from "../content-hash.ts";
import { childLabels, childMetadata, podLabels, selectorLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { spreadOverNodes } from "../placement.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";
import { restartHash } from "./parameters.ts";
import { databasePaths, databasePorts, memberConfiguration, memberHost, patroniLabels } from "./patroni.ts";

/** The uid of the image's postgres user; the volume's group is the same number. */
const postgresUid = 999;

/** What a database pod asks for where the spec says nothing: enough for a demo, and a bound on what it can take. */
const defaultResources = {
  requests: { cpu: "250m", memory: "256Mi" },
  limits: { memory: "1Gi" },
} as const;

interface StatefulSetInput {
  readonly stemhub: StemHub;
  readonly replicas: number;
  readonly image: string;
  readonly clusterDomain: string;
  /** What new volumes are born with (growth.ts). */
  readonly templateSize: string | number;
  readonly beside: MemberParts;
}

/** What another capability has in every member: mounts of PostgreSQL's container, containers beside it, volumes of both. */
export interface MemberParts {
  readonly mounts: readonly object[];
  readonly containers: readonly object[];
  readonly volumes: readonly object[];
}

/**
 * The database's pods and volumes.
 *
 * - Parallel start: Patroni orders the members, and a member that waits for its lower neighbour may wait for ever.
 * - Each member on a node of its own, where there are as many.
 * - Volumes outlive the StatefulSet (Kubernetes' default); removing them is deletion.ts's work, when the spec asks.
 */
export function databaseStatefulSet(input: StatefulSetInput): KubeObject {
  const { stemhub, replicas, image, clusterDomain, templateSize, beside } = input;
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const { storage, resources } = stemhub.spec.database;
  const selector = selectorLabels(name, "database");
  const labels = { ...podLabels(name, "database"), [patroniLabels.scope]: names.database };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: childMetadata(stemhub, names.database, "database"),
    spec: {
      serviceName: names.databasePods,
      replicas,
      // The order in which members restart is ours (restart.ts): Kubernetes' own knows no primary.
      updateStrategy: { type: "OnDelete" },
      podManagementPolicy: "Parallel",
      selector: { matchLabels: selector },
      template: {
        metadata: { labels, annotations: restartingAnnotations(stemhub) },
        spec: {
          serviceAccountName: names.database,
          // Patroni keeps its lock and its labels in the API server.
          automountServiceAccountToken: true,
          terminationGracePeriodSeconds: 60,
          securityContext: restrictedPod({ uid: postgresUid }),
          topologySpreadConstraints: spreadOverNodes(selector, "DoNotSchedule"),
          containers: [
            {
              name: "postgres",
              image,
              imagePullPolicy: "IfNotPresent",
              env: environment(stemhub, clusterDomain),
              ports: [
                { name: "postgres", containerPort: databasePorts.postgres, protocol: "TCP" },
                { name: "patroni", containerPort: databasePorts.patroni, protocol: "TCP" },
              ],
              resources: resources ?? defaultResources,
              readinessProbe: {
                httpGet: { path: "/readiness", port: "patroni", scheme: "HTTPS" },
                periodSeconds: 2,
                timeoutSeconds: 2,
                failureThreshold: 3,
              },
              // Patroni's own heartbeat, not PostgreSQL's: kubelet must not restart what Patroni is repairing. It fails
              // when no round of Patroni has ended for ttl (a primary) or twice that, as when PostgreSQL hangs. The
              // signal to end finds nobody then, so little time is left to it.
              livenessProbe: {
                httpGet: { path: "/liveness", port: "patroni", scheme: "HTTPS" },
                initialDelaySeconds: 30,
                periodSeconds: 5,
                timeoutSeconds: 5,
                failureThreshold: 4,
                terminationGracePeriodSeconds: 10,
              },
              lifecycle: { preStop: { exec: { command: ["/usr/local/lib/stemhub/before-stop"] } } },
              securityContext: restrictedContainer(),
              volumeMounts: [
                { name: "data", mountPath: databasePaths.data },
                { name: "sockets", mountPath: databasePaths.sockets },
                { name: "tmp", mountPath: "/tmp" },
                // Dynamic shared memory for parallel queries; the runtime's 64 MiB is too small for them.
                { name: "shared-memory", mountPath: "/dev/shm" },
                { name: "patroni", mountPath: databasePaths.patroni, readOnly: true },
                { name: "tls", mountPath: databasePaths.tls, readOnly: true },
                { name: "credentials", mountPath: databasePaths.credentials, readOnly: true },
                ...beside.mounts,
              ],
            },
            ...beside.containers,
          ],
          volumes: [
            { name: "sockets", emptyDir: {} },
            { name: "tmp", emptyDir: {} },
            { name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: "256Mi" } },
            { name: "patroni", configMap: { name: names.patroni } },
            // PostgreSQL refuses a key that others may read: root's, with our group, and nobody else.
            { name: "tls", secret: { secretName: names.databaseTls, defaultMode: 0o440 } },
            {
              name: "credentials",
              projected: {
                defaultMode: 0o440,
                sources: [
                  {
                    secret: {
                      name: names.appSecret,
                      items: ["username", "password"].map((key) => ({ key, path: `app/${key}` })),
                    },
                  },
                  { secret: { name: names.migratorSecret, items: [{ key: "password", path: "migrator/password" }] } },
                  { secret: { name: names.probeSecret, items: [{ key: "password", path: "probe/password" }] } },
                ],
              },
            },
            ...beside.volumes,
          ],
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          metadata: { name: "data", labels: childLabels(name, "database") },
          spec: {
            accessModes: ["ReadWriteOnce"],
            ...(storage.className === undefined ? {} : { storageClassName: storage.className }),
            resources: { requests: { storage: templateSize } },
          },
        },
      ],
    },
  };
}

/** Another value of one of these is another template, so that the members restart. */
function restartingAnnotations(stemhub: StemHub): Record<string, string> {
  const parameters = restartHash(stemhub);
  return {
    "stemhub.dev/configuration": contentHash(JSON.stringify(memberConfiguration(stemhub))),
    ...(parameters === undefined ? {} : { "stemhub.dev/parameters": parameters }),
  };
}

/** Patroni's settings that differ by pod or come from Secrets. */
function environment(stemhub: StemHub, clusterDomain: string) {
  const names = childNames(stemhub.metadata.name);
  const host = memberHost(stemhub, clusterDomain);
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } },
  });
  const secret = (name: string, secretName: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: secretName, key } },
  });
  return [
    field("POD_NAME", "metadata.name"),
    field("PATRONI_NAME", "metadata.name"),
    field("PATRONI_KUBERNETES_NAMESPACE", "metadata.namespace"),
    { name: "PATRONI_POSTGRESQL_CONNECT_ADDRESS", value: `${host}:${databasePorts.postgres}` },
    { name: "PATRONI_RESTAPI_CONNECT_ADDRESS", value: `${host}:${databasePorts.patroni}` },
    secret("PATRONI_SUPERUSER_PASSWORD", names.superuserSecret, "password"),
    secret("PATRONI_REPLICATION_PASSWORD", names.replicationSecret, "password"),
    secret("PATRONI_RESTAPI_USERNAME", names.patroniSecret, "username"),
    secret("PATRONI_RESTAPI_PASSWORD", names.patroniSecret, "password"),
  ];
}
