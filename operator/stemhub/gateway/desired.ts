import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { contentHash } from "../content-hash.ts";
import { childMetadata, podLabels, selectorLabels, serviceSelector } from "../metadata.ts";
import { childNames } from "../names.ts";
import { disruptionBudget, drainFirst, rollWithoutLoss, spreadOverNodes } from "../placement.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";
import { authFile, authMounts } from "./auth.ts";
import { fileMounts, storageFile } from "./files.ts";
import { socketsFolder } from "./mode.ts";
import { gatewayAccess, modeAgent, modeAgentVolumes } from "./mode-agent.ts";
import { gatewayPorts, nginxConfiguration } from "./nginx.ts";
import { queueMounts } from "./queue.ts";

/** The uid of the gateway's image. */
const gatewayUid = 65532;

/** What the gateway's objects are made from. */
export interface GatewayInput {
  readonly stemhub: StemHub;
  readonly image: string;
  readonly clusterDomain: string;
}

/** Every object of the gateway, in the order in which they are applied: what is mounted comes first. */
export function desiredGateway({ stemhub, image, clusterDomain }: GatewayInput): KubeObject[] {
  const name = stemhub.metadata.name;
  const metadata = childMetadata(stemhub, childNames(name).gateway, "gateway");
  const data = gatewayFiles(stemhub, clusterDomain);
  const selector = selectorLabels(name, "gateway");
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data },
    ...gatewayAccess(stemhub),
    gatewayService(stemhub),
    ...(stemhub.spec.gateway.replicas > 1 ? [disruptionBudget(metadata, selector)] : []),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: stemhub.spec.gateway.replicas,
        selector: { matchLabels: selector },
        ...rollWithoutLoss,
        template: podTemplate(stemhub, image, contentHash(JSON.stringify(data))),
      },
    },
  ];
}

/** What is mounted beside its certificate: nginx's configuration, and what njs reads of the spec. */
function gatewayFiles(stemhub: StemHub, clusterDomain: string): Record<string, string> {
  const [auth, storage] = [authFile(stemhub), storageFile(stemhub)];
  return {
    "nginx.conf": nginxConfiguration(stemhub, clusterDomain),
    ...(auth === undefined ? {} : { "auth.json": auth }),
    ...(storage === undefined ? {} : { "storage.json": storage }),
  };
}

function gatewayService(stemhub: StemHub): KubeObject {
  const name = stemhub.metadata.name;
  const { type, httpNodePort, httpsNodePort, annotations } = stemhub.spec.gateway.service;
  const port = (portName: "http" | "https", number: number, nodePort: number | undefined) => ({
    name: portName,
    port: number,
    targetPort: portName,
    protocol: "TCP",
    ...(nodePort === undefined ? {} : { nodePort }),
  });
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...childMetadata(stemhub, childNames(name).gateway, "gateway"),
      ...(annotations ? { annotations } : {}),
    },
    spec: {
      type,
      selector: serviceSelector(name, "gateway"),
      ports: [port("http", 80, httpNodePort), port("https", 443, httpsNodePort)],
    },
  };
}

function podTemplate(stemhub: StemHub, image: string, configurationHash: string) {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  // Of nginx's container alone: who can read these can make tokens, use the storage, and queue writes of anybody.
  const secretMounts = [authMounts(stemhub), fileMounts(stemhub), queueMounts(stemhub)];
  const health = { httpGet: { path: "/healthz", port: "health" } };
  return {
    metadata: { labels: podLabels(name, "gateway"), annotations: { "stemhub.dev/configuration": configurationHash } },
    spec: {
      serviceAccountName: names.gateway,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 75,
      securityContext: restrictedPod({ uid: gatewayUid }),
      topologySpreadConstraints: spreadOverNodes(selectorLabels(name, "gateway")),
      containers: [
        {
          name: "nginx",
          image,
          imagePullPolicy: "IfNotPresent",
          ports: [
            { name: "http", containerPort: gatewayPorts.http, protocol: "TCP" },
            { name: "https", containerPort: gatewayPorts.https, protocol: "TCP" },
            { name: "health", containerPort: gatewayPorts.health, protocol: "TCP" },
          ],
          resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
          readinessProbe: { ...health, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
          livenessProbe: { ...health, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
          lifecycle: drainFirst,
          securityContext: restrictedContainer(),
          volumeMounts: [
            { name: "configuration", mountPath: "/etc/stemhub/gateway", readOnly: true },
            { name: "tls", mountPath: "/etc/stemhub/tls", readOnly: true },
            { name: "sockets", mountPath: socketsFolder },
            { name: "tmp", mountPath: "/tmp" },
            ...secretMounts.flatMap(({ volumeMounts }) => volumeMounts),
          ],
        },
        modeAgent(name, image),
      ],
      volumes: [
        { name: "configuration", configMap: { name: names.gateway } },
        {
          name: "tls",
          secret: { secretName: stemhub.spec.gateway.tls.secretName ?? names.gatewayTls, defaultMode: 0o440 },
        },
        { name: "sockets", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        { name: "tmp", emptyDir: {} },
        ...modeAgentVolumes(name),
        ...secretMounts.flatMap(({ volumes }) => volumes),
      ],
    },
  };
}

/** Where the platform is reached: its host, or its name inside the cluster. */
export function gatewayUrl(stemhub: StemHub): string {
  const { host, service } = stemhub.spec.gateway;
  const inside = `${childNames(stemhub.metadata.name).gateway}.${stemhub.metadata.namespace}.svc`;
  const port =
    host !== undefined && service.type === "NodePort" && service.httpsNodePort ? `:${service.httpsNodePort}` : "";
  return `https://${host ?? inside}${port}`;
}
