import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../runtime/objects.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { desiredComponents } from "./desired.ts";

const desired = (spec: Record<string, unknown>, deployments: KubeObject[] = []) =>
  desiredComponents({ stemhub: aStemHub(spec), deployments, loginHash: "hash", clusterDomain: "cluster.local" });
const kindsOf = (objects: KubeObject[]) => objects.map((object) => `${object.kind} ${object.metadata.name}`);
const deployment = (spec: Record<string, unknown>) => {
  const found = desired(spec).find((object) => object.kind === "Deployment");
  return found?.spec as {
    replicas?: number;
    template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } };
  };
};

test("given an api of two, then it has an account, a Service, a budget and a Deployment", () => {
  expect(kindsOf(desired({}))).toEqual([
    "ServiceAccount studio-api",
    "Service studio-api",
    "PodDisruptionBudget studio-api",
    "Deployment studio-api",
  ]);
});

test("given a single replica, then it has no budget, which would protect nothing", () => {
  expect(kindsOf(desired({ components: { api: { replicas: { min: 1 } } } }))).not.toContain(
    "PodDisruptionBudget studio-api",
  );
});

test("given autoscaling, then the autoscaler has its bounds, targets and windows", () => {
  const api = {
    replicas: { min: 2, max: 5 },
    autoscaling: { cpuPercent: 60, memoryPercent: 80, scaleDownStabilizationSeconds: 15 },
  };
  const hpa = desired({ components: { api } }).find((object) => object.kind === "HorizontalPodAutoscaler");
  expect(hpa?.spec).toMatchObject({
    minReplicas: 2,
    maxReplicas: 5,
    metrics: [
      { resource: { name: "cpu", target: { averageUtilization: 60 } } },
      { resource: { name: "memory", target: { averageUtilization: 80 } } },
    ],
    behavior: { scaleUp: { stabilizationWindowSeconds: 0 }, scaleDown: { stabilizationWindowSeconds: 15 } },
  });
});

describe("given every field of a component, then the pod has it", () => {
  const api = {
    port: 9000,
    command: ["serve"],
    args: ["--now"],
    env: [{ name: "MODE", value: "x" }],
    envFrom: [{ secret: { name: "s" }, prefix: "P_" }, { configMap: { name: "c" } }],
    volumes: [
      { name: "cache", mountPath: "/cache", emptyDir: { sizeLimit: "1Gi", medium: "Memory" } },
      { name: "conf", mountPath: "/conf", readOnly: true, configMap: { name: "c" } },
      { name: "keys", mountPath: "/keys", secret: { name: "s" } },
      {
        name: "both",
        mountPath: "/both",
        projected: { sources: [{ secret: { name: "s" } }, { configMap: { name: "c" } }] },
      },
      { name: "data", mountPath: "/data", claim: { name: "pvc" } },
    ],
    probes: { readiness: { path: "/ready", periodSeconds: 7 } },
    resources: { requests: { cpu: "1" } },
    terminationGracePeriodSeconds: 90,
    securityContext: { runAsUser: 2000, runAsGroup: 2001, fsGroup: 2002 },
  };
  const { template } = deployment({ components: { api } });
  const container = template.spec.containers[0] ?? {};

  test("its process", () => {
    expect(container).toMatchObject({
      command: ["serve"],
      args: ["--now"],
      ports: [{ containerPort: 9000 }],
      resources: { requests: { cpu: "1" } },
    });
  });
  test("its probes, the ones not named at their defaults", () => {
    expect(container.readinessProbe).toMatchObject({
      httpGet: { path: "/ready", port: "http" },
      periodSeconds: 7,
      timeoutSeconds: 2,
    });
    expect(container.livenessProbe).toMatchObject({ httpGet: { path: "/healthz" } });
  });
  test("its sources of variables", () => {
    expect(container.envFrom).toEqual([{ prefix: "P_", secretRef: { name: "s" } }, { configMapRef: { name: "c" } }]);
  });
  test("its volumes, beside a /tmp of its own and the database's authority", () => {
    expect(template.spec.volumes).toEqual([
      { name: "stemhub-tmp", emptyDir: {} },
      { name: "database-ca", configMap: { name: "studio-ca" } },
      { name: "cache", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } },
      { name: "conf", configMap: { name: "c" } },
      { name: "keys", secret: { secretName: "s" } },
      { name: "both", projected: { sources: [{ secret: { name: "s" } }, { configMap: { name: "c" } }] } },
      { name: "data", persistentVolumeClaim: { claimName: "pvc" } },
    ]);
  });
  test("its user, and never more rights", () => {
    expect(template.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 2000,
      runAsGroup: 2001,
      fsGroup: 2002,
    });
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    expect(template.spec).toMatchObject({ terminationGracePeriodSeconds: 90, automountServiceAccountToken: false });
  });
});

test("given a web beside the api, then only the api is handed the database", () => {
  const spec = { release: { version: "1", images: { api: "a:1", web: "w:1" } }, components: { api: {}, web: {} } };
  const env = desired(spec)
    .filter((object) => object.kind === "Deployment")
    .map((object) => JSON.stringify(object).includes("studio-db-app"));
  expect(env).toEqual([true, false]);
});
