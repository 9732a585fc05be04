import type { KubeObject } from "../runtime/objects.ts";

const labels = { app: "x" };
/** A pod with everything that our components use. */
export const podTemplate = {
  metadata: { labels },
  spec: {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    terminationGracePeriodSeconds: 45,
    tolerations: [],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: labels },
      },
    ],
    initContainers: [{ name: "init", image: "x:1", command: ["true"] }],
    containers: [
      {
        name: "main",
        image: "x:1",
        args: ["--a"],
        env: [
          { name: "PLAIN", value: "1" },
          { name: "EMPTY", value: "" },
          { name: "SECRET", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
          { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "LIMIT", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
        ],
        envFrom: [{ configMapRef: { name: "c" } }, { secretRef: { name: "s" }, prefix: "P_" }],
        ports: [{ name: "http", containerPort: 8080 }, { containerPort: 53 }, { containerPort: 53, protocol: "UDP" }],
        resources: { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { memory: "2048Mi", cpu: 1.5 } },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          readOnlyRootFilesystem: true,
        },
        readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 5 },
        startupProbe: { tcpSocket: { port: 8080 } },
        livenessProbe: { exec: { command: ["true"] } },
        lifecycle: { preStop: { sleep: { seconds: 5 } } },
        volumeMounts: [
          { name: "tmp", mountPath: "/tmp" },
          { name: "data", mountPath: "/data", readOnly: false },
        ],
      },
    ],
    volumes: [
      { name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "1024Ki" } },
      { name: "data", emptyDir: {} },
      { name: "config", configMap: { name: "c", items: [{ key: "a", path: "b" }] } },
      { name: "secret", secret: { secretName: "s", defaultMode: 288 } },
      {
        name: "projected",
        projected: {
          sources: [
            { serviceAccountToken: { path: "token" } },
            { configMap: { name: "c" } },
            { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
          ],
        },
      },
    ],
  },
};
const owner = {
  apiVersion: "x.dev/v1",
  kind: "Thing",
  name: "a",
  uid: "11111111-2222-3333-4444-555555555555",
  controller: true,
  blockOwnerDeletion: true,
};
const selector = { matchLabels: labels };

/**
 * One object of every kind that an operator like ours writes, all named `x`, with the fields whose defaults and normal
 * forms are known to bite.
 */
export function childManifests(ns: string): KubeObject[] {
  const object = (apiVersion: string, kind: string, body: object): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name: "x", namespace: ns, labels, ownerReferences: [owner] },
    ...body,
  });
  return [
    object("v1", "ConfigMap", { data: { a: "1", empty: "" } }),
    object("v1", "Secret", { type: "Opaque", data: { k: Buffer.from("v").toString("base64") } }),
    object("v1", "ServiceAccount", { automountServiceAccountToken: false }),
    object("v1", "Service", {
      spec: {
        selector: labels,
        ports: [
          { name: "http", port: 80, targetPort: "http" },
          { name: "dns", port: 53 },
          { name: "dns-udp", port: 53, protocol: "UDP" },
        ],
      },
    }),
    object("apps/v1", "Deployment", {
      spec: {
        replicas: 2,
        selector,
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
        template: podTemplate,
      },
    }),
    object("apps/v1", "StatefulSet", {
      spec: {
        replicas: 3,
        selector,
        serviceName: "x",
        podManagementPolicy: "Parallel",
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        template: podTemplate,
        volumeClaimTemplates: [
          {
            metadata: { name: "data", labels },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10240Mi" } } },
          },
        ],
      },
    }),
    object("policy/v1", "PodDisruptionBudget", { spec: { maxUnavailable: 1, selector } }),
    object("autoscaling/v2", "HorizontalPodAutoscaler", {
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "x" },
        minReplicas: 2,
        maxReplicas: 5,
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } },
          { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "1024Mi" } } },
        ],
        behavior: { scaleUp: { stabilizationWindowSeconds: 0 }, scaleDown: { stabilizationWindowSeconds: 300 } },
      },
    }),
    object("batch/v1", "Job", {
      spec: {
        backoffLimit: 0,
        activeDeadlineSeconds: 600,
        template: {
          ...podTemplate,
          spec: {
            ...podTemplate.spec,
            restartPolicy: "Never",
            containers: podTemplate.spec.containers.map(({ lifecycle: _, ...rest }) => rest),
          },
        },
      },
    }),
    object("networking.k8s.io/v1", "NetworkPolicy", {
      spec: {
        podSelector: selector,
        policyTypes: ["Ingress"],
        ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }],
      },
    }),
    object("rbac.authorization.k8s.io/v1", "Role", {
      rules: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: ["x"], verbs: ["get", "watch"] }],
    }),
    object("rbac.authorization.k8s.io/v1", "RoleBinding", {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "x" },
      subjects: [{ kind: "ServiceAccount", name: "x", namespace: ns }],
    }),
  ];
}
