import { createPrivateKey } from "node:crypto";
import { assertionJwk } from "../../api/assertion-keys.ts";
import type { QueueSpec } from "../../api/queue.ts";
import { queueFiles } from "../../api/queue-configuration.ts";
import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { accessOf, mayReadMode } from "../access.ts";
import { contentHash } from "../content-hash.ts";
import { readSecret } from "../generated-secret.ts";
import { childMetadata, podLabels, selectorLabels, serviceSelector } from "../metadata.ts";
import { childNames } from "../names.ts";
import { disruptionBudget, drainFirst, rollWithoutLoss, spreadOverNodes } from "../placement.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";
import { queueConfiguration, queuePorts } from "./configuration.ts";
import { queueStore } from "./store.ts";

/** The uid of the queue's image. */
const queueUid = 65532;
/** One replays, both take writes: decision 0018. */
const queuePods = 2;

/** What the queue's objects are made from. */
export interface QueueInput {
  readonly stemhub: StemHub;
  /** The Secret NAME-queue-keys; undefined where it was not made yet. */
  readonly keys: KubeObject | undefined;
  readonly images: { readonly queue: string; readonly nats: string };
  readonly clusterDomain: string;
}

/** Every object of the write queue but its Secrets, in the order in which they are applied; none where the spec has none. */
export function desiredQueue({ stemhub, keys, images, clusterDomain }: QueueInput): KubeObject[] {
  const { queue } = stemhub.spec;
  if (!queue) return [];
  return [
    ...queueStore(stemhub, queue, images.nats, clusterDomain),
    ...accessOf(stemhub, childNames(stemhub.metadata.name).queue, "queue", [mayReadMode(stemhub)]),
    ...publicKeys(stemhub, keys),
    ...queuePodsAndService(stemhub, queue, images.queue, clusterDomain),
  ];
}

/** What apps verify assertions with. */
function publicKeys(stemhub: StemHub, keys: KubeObject | undefined): KubeObject[] {
  if (!keys) return [];
  const jwk = assertionJwk(createPrivateKey(readSecret(keys, queueFiles.signingKey)));
  const metadata = childMetadata(stemhub, childNames(stemhub.metadata.name).queueKeys, "queue");
  const data = { [queueFiles.publicKeys]: JSON.stringify({ keys: [jwk] }) };
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata, data }];
}

function queuePodsAndService(stemhub: StemHub, queue: QueueSpec, image: string, clusterDomain: string): KubeObject[] {
  const name = stemhub.metadata.name;
  const metadata = childMetadata(stemhub, childNames(name).queue, "queue");
  const configuration = JSON.stringify(queueConfiguration(stemhub, queue, clusterDomain));
  const selector = selectorLabels(name, "queue");
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { [queueFiles.configuration]: configuration } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: {
        selector: serviceSelector(name, "queue"),
        ports: [{ name: "https", port: queuePorts.api, targetPort: "https", protocol: "TCP" }],
      },
    },
    disruptionBudget(metadata, selector),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: queuePods,
        selector: { matchLabels: selector },
        ...rollWithoutLoss,
        template: podTemplate(stemhub, queue, image, contentHash(configuration)),
      },
    },
  ];
}

function podTemplate(stemhub: StemHub, queue: QueueSpec, image: string, configurationHash: string) {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const health = (path: string) => ({ httpGet: { path, port: "health" } });
  const mount = (folder: string) => ({ name: folder, mountPath: `/etc/stemhub/${folder}`, readOnly: true });
  return {
    metadata: { labels: podLabels(name, "queue"), annotations: { "stemhub.dev/configuration": configurationHash } },
    spec: {
      serviceAccountName: names.queue,
      automountServiceAccountToken: true,
      enableServiceLinks: false,
      // A write that was sent has a minute to be answered.
      terminationGracePeriodSeconds: 75,
      securityContext: restrictedPod({ uid: queueUid }),
      topologySpreadConstraints: spreadOverNodes(selectorLabels(name, "queue")),
      containers: [
        {
          name: "queue",
          image,
          imagePullPolicy: "IfNotPresent",
          ports: [
            { name: "https", containerPort: queuePorts.api, protocol: "TCP" },
            { name: "health", containerPort: queuePorts.health, protocol: "TCP" },
          ],
          resources: queue.resources ?? { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "512Mi" } },
          readinessProbe: { ...health("/readyz"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
          livenessProbe: { ...health("/healthz"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
          lifecycle: drainFirst,
          securityContext: restrictedContainer(),
          volumeMounts: [
            mount("queue"),
            mount("keys"),
            mount("tls"),
            mount("nats"),
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
      ],
      volumes: [
        { name: "queue", configMap: { name: names.queue } },
        { name: "keys", secret: { secretName: names.queueKeys, defaultMode: 0o440 } },
        { name: "tls", secret: { secretName: names.queueTls, defaultMode: 0o440 } },
        {
          name: "nats",
          secret: {
            secretName: names.queueStoreSecret,
            defaultMode: 0o440,
            items: ["username", "password"].map((key) => ({ key, path: key })),
          },
        },
        { name: "tmp", emptyDir: {} },
      ],
    },
  };
}
