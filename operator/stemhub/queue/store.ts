import type { QueueSpec } from "../../api/queue.ts";
import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { contentHash } from "../content-hash.ts";
import { childLabels, childMetadata, podLabels, selectorLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { disruptionBudget, spreadOverNodes } from "../placement.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";
import { bodyBytes, queuePorts, storeHosts, volumeBytes } from "./configuration.ts";

/** The uid of the image of NATS. */
const natsUid = 65532;
/** Beside a body, a message has its sealed metadata: claims of at most 8 KiB, and a URI of as much. */
const envelopeBytes = 65_536;
/** Of a volume, JetStream may fill so much. */
const fileStoreShare = 0.9;

/** What the queue's writes are kept by: one NATS server or three, each with a volume of its own. */
export function queueStore(stemhub: StemHub, queue: QueueSpec, image: string, clusterDomain: string): KubeObject[] {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const metadata = childMetadata(stemhub, names.queueStore, "queue-store");
  const configuration = natsConfiguration(stemhub, queue, clusterDomain);
  const selector = selectorLabels(name, "queue-store");
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "nats.conf": configuration } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    headlessService(stemhub),
    ...(queue.replicas > 1 ? [disruptionBudget(metadata, selector)] : []),
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata,
      spec: {
        serviceName: names.queueStore,
        replicas: queue.replicas,
        // They find each other only when two are there.
        podManagementPolicy: "Parallel",
        selector: { matchLabels: selector },
        template: podTemplate(stemhub, queue, { image, clusterDomain, configurationHash: contentHash(configuration) }),
        volumeClaimTemplates: [claimTemplate(stemhub, queue)],
      },
    },
  ];
}

/**
 * - `sync_interval: always`: what is acknowledged is on the disk, not in its cache. Default is every two minutes.
 * - Passwords, and the URLs that hold one, come from the environment, so that the file is no secret.
 */
export function natsConfiguration(stemhub: StemHub, queue: QueueSpec, clusterDomain: string): string {
  const tls =
    'tls { cert_file: "/etc/stemhub/tls/tls.crt", key_file: "/etc/stemhub/tls/tls.key", ca_file: "/etc/stemhub/tls/ca.crt"';
  const routes = storeHosts(stemhub, queue, clusterDomain).map((_, ordinal) => `    $NATS_ROUTE_${ordinal}`);
  const cluster = [
    "cluster {",
    "  name: queue",
    `  port: ${queuePorts.routes}`,
    // What clients are told of other servers would be pod addresses, which no certificate names.
    "  no_advertise: true",
    `  ${tls} }`,
    "  authorization { user: routes, password: $NATS_ROUTE_PASSWORD, timeout: 5 }",
    "  routes: [",
    ...routes,
    "  ]",
    "}",
  ];
  return [
    "server_name: $POD_NAME",
    `port: ${queuePorts.nats}`,
    `http_port: ${queuePorts.monitor}`,
    `max_payload: ${bodyBytes(queue) + envelopeBytes}`,
    "lame_duck_duration: 30s",
    "lame_duck_grace_period: 5s",
    `${tls}, timeout: 5 }`,
    "authorization { user: $NATS_USER, password: $NATS_PASSWORD, timeout: 5 }",
    "jetstream {",
    '  store_dir: "/data"',
    "  sync_interval: always",
    `  max_file_store: ${Math.floor(volumeBytes(queue) * fileStoreShare)}`,
    "  max_memory_store: 0",
    "}",
    ...(queue.replicas > 1 ? cluster : []),
    "",
  ].join("\n");
}

function headlessService(stemhub: StemHub): KubeObject {
  const name = stemhub.metadata.name;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(stemhub, childNames(name).queueStore, "queue-store"),
    spec: {
      clusterIP: "None",
      // They look for each other before they are ready.
      publishNotReadyAddresses: true,
      selector: selectorLabels(name, "queue-store"),
      ports: [
        { name: "nats", port: queuePorts.nats, targetPort: "nats", protocol: "TCP" },
        { name: "routes", port: queuePorts.routes, targetPort: "routes", protocol: "TCP" },
      ],
    },
  };
}

/**
 * What the configuration names with a $. In quotes, since NATS reads a bare value as its own language, and a password may
 * begin with a digit. kubelet puts in what stands in $( ).
 */
function environment(stemhub: StemHub, queue: QueueSpec, clusterDomain: string) {
  const { queueStoreSecret } = childNames(stemhub.metadata.name);
  const secret = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: queueStoreSecret, key } },
  });
  const hosts = queue.replicas > 1 ? storeHosts(stemhub, queue, clusterDomain) : [];
  return [
    { name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } },
    secret("NATS_USER", "username"),
    secret("BARE_PASSWORD", "password"),
    secret("BARE_ROUTE_PASSWORD", "routePassword"),
    { name: "NATS_PASSWORD", value: '"$(BARE_PASSWORD)"' },
    { name: "NATS_ROUTE_PASSWORD", value: '"$(BARE_ROUTE_PASSWORD)"' },
    ...hosts.map((host, ordinal) => ({
      name: `NATS_ROUTE_${ordinal}`,
      value: `"nats-route://routes:$(BARE_ROUTE_PASSWORD)@${host}:${queuePorts.routes}"`,
    })),
  ];
}

function podTemplate(
  stemhub: StemHub,
  queue: QueueSpec,
  { image, clusterDomain, configurationHash }: { image: string; clusterDomain: string; configurationHash: string },
) {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const health = (path: string) => ({ httpGet: { path, port: "monitor" } });
  return {
    metadata: {
      labels: podLabels(name, "queue-store"),
      annotations: { "stemhub.dev/configuration": configurationHash },
    },
    spec: {
      serviceAccountName: names.queueStore,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 60,
      securityContext: restrictedPod({ uid: natsUid }),
      topologySpreadConstraints: spreadOverNodes(selectorLabels(name, "queue-store"), "DoNotSchedule"),
      containers: [
        {
          name: "nats",
          image,
          imagePullPolicy: "IfNotPresent",
          env: environment(stemhub, queue, clusterDomain),
          ports: [
            { name: "nats", containerPort: queuePorts.nats, protocol: "TCP" },
            { name: "routes", containerPort: queuePorts.routes, protocol: "TCP" },
            { name: "monitor", containerPort: queuePorts.monitor, protocol: "TCP" },
          ],
          resources: queue.resources ?? { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "512Mi" } },
          // Whether its streams have caught up is not asked: a server that waits for the others is not to be restarted.
          readinessProbe: {
            ...health("/healthz?js-enabled-only=true"),
            periodSeconds: 5,
            timeoutSeconds: 5,
            failureThreshold: 3,
          },
          livenessProbe: {
            ...health("/healthz?js-enabled-only=true"),
            periodSeconds: 10,
            timeoutSeconds: 5,
            failureThreshold: 6,
          },
          startupProbe: {
            ...health("/healthz?js-enabled-only=true"),
            periodSeconds: 2,
            timeoutSeconds: 5,
            failureThreshold: 90,
          },
          securityContext: restrictedContainer(),
          volumeMounts: [
            { name: "data", mountPath: "/data" },
            { name: "configuration", mountPath: "/etc/stemhub/nats", readOnly: true },
            { name: "tls", mountPath: "/etc/stemhub/tls", readOnly: true },
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
      ],
      volumes: [
        { name: "configuration", configMap: { name: names.queueStore } },
        { name: "tls", secret: { secretName: names.queueTls, defaultMode: 0o440 } },
        { name: "tmp", emptyDir: {} },
      ],
    },
  };
}

function claimTemplate(stemhub: StemHub, { storage }: QueueSpec) {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", labels: childLabels(stemhub.metadata.name, "queue-store") },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storage.className === undefined ? {} : { storageClassName: storage.className }),
      resources: { requests: { storage: storage.size } },
    },
  };
}
