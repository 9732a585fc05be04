import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { accessOf, mayReadMode } from "../access.ts";
import { childNames } from "../names.ts";
import { drainFirst } from "../placement.ts";
import { restrictedContainer } from "../pod-security.ts";
import { socketsFolder } from "./mode.ts";

const copyFolder = "/etc/stemhub/mode";
const tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Who the gateway is to the API server: only its mode-agent, which reads the mode. */
export function gatewayAccess(stemhub: StemHub): KubeObject[] {
  return accessOf(stemhub, childNames(stemhub.metadata.name).gateway, "gateway", [mayReadMode(stemhub)]);
}

/**
 * The container that hands the mode to nginx and tells browsers of its changes. No probes: without it traffic flows by the
 * last mode, so nothing is gained by taking the pod away; where it ends, kubelet starts it again.
 */
export function modeAgent(stemhubName: string, image: string) {
  return {
    name: "mode-agent",
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/local/bin/node", "/usr/local/lib/stemhub/mode-agent.js"],
    env: [
      { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "MODE_CONFIGMAP", value: childNames(stemhubName).mode },
      { name: "MODE_COPY", value: copyFolder },
      { name: "SOCKETS", value: socketsFolder },
      { name: "NODE_OPTIONS", value: "--max-semi-space-size=2" },
      { name: "NODE_COMPILE_CACHE", value: "/usr/local/lib/stemhub/compiled" },
    ],
    // Measured with 2,000 streams: 129 MiB, all told within 150 ms (workloads/gateway/agent/events.test.ts).
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "256Mi" } },
    // As long as nginx still takes requests, it is not the one to end their streams.
    lifecycle: drainFirst,
    securityContext: restrictedContainer(),
    volumeMounts: [
      { name: "sockets", mountPath: socketsFolder },
      { name: "mode", mountPath: copyFolder, readOnly: true },
      { name: "api-access", mountPath: tokenFolder, readOnly: true },
    ],
  };
}

/** What it alone mounts: a copy of the mode for when the API server is away, and the way to the API server. */
export function modeAgentVolumes(stemhubName: string) {
  return [
    { name: "mode", configMap: { name: childNames(stemhubName).mode, optional: true } },
    {
      name: "api-access",
      projected: {
        defaultMode: 0o440,
        sources: [
          { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        ],
      },
    },
  ];
}
