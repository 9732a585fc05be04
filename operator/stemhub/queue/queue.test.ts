import { describe, expect, test } from "vitest";
import { queueConfigurationSchema } from "../../api/queue-configuration.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { missingSecrets } from "../secrets.ts";
import { queueConfiguration } from "./configuration.ts";
import { desiredQueue } from "./desired.ts";
import { natsConfiguration } from "./store.ts";

const routes = [
  { path: "/api/", component: "api" },
  {
    path: "/api/projects/",
    component: "api",
    writes: "Queue",
    queue: { aggregate: "/api/projects/{id}", idempotency: "key" },
  },
];
const studio = (queue: object) => aStemHub({ queue, gateway: { routes } } as Parameters<typeof aStemHub>[0]);
const secretsOf = (stemhub: ReturnType<typeof studio>) =>
  missingSecrets({
    stemhub,
    existing: new Map(),
    clusterDomain: "cluster.local",
    now: Date.parse("2026-01-15T12:00:00Z"),
  });
async function objects(queue: object): Promise<KubeObject[]> {
  const stemhub = studio(queue);
  const keys = (await secretsOf(stemhub)).find(({ metadata }) => metadata.name === "studio-queue-keys");
  return desiredQueue({ stemhub, keys, images: { queue: "q:1", nats: "n:1" }, clusterDomain: "cluster.local" });
}
const find = (all: readonly KubeObject[], kind: string, name: string) =>
  all.find((object) => object.kind === kind && object.metadata.name === name);

test("given a spec without a queue, then there is nothing of it", async () => {
  const stemhub = aStemHub();
  const input = { stemhub, keys: undefined, images: { queue: "q:1", nats: "n:1" }, clusterDomain: "cluster.local" };
  expect(desiredQueue(input)).toEqual([]);
  expect((await secretsOf(stemhub)).filter(({ metadata }) => metadata.name.includes("queue"))).toEqual([]);
});

describe("given a queue of three servers", () => {
  test("then each write is kept by three of them, on three nodes, and one may be away", async () => {
    const all = await objects({});
    expect(find(all, "StatefulSet", "studio-queue-nats")?.spec).toMatchObject({
      replicas: 3,
      podManagementPolicy: "Parallel",
    });
    expect(find(all, "PodDisruptionBudget", "studio-queue-nats")?.spec).toMatchObject({ maxUnavailable: 1 });
    const { queue } = studio({}).spec;
    if (!queue) throw new Error("no queue");
    const configuration = queueConfiguration(studio({}), queue, "cluster.local");
    expect(configuration.nats).toMatchObject({ replicas: 3 });
    expect(configuration.nats.servers).toHaveLength(3);
    expect(configuration.nats.servers[2]).toBe(
      "tls://studio-queue-nats-2.studio-queue-nats.music.svc.cluster.local:4222",
    );
  });

  test("then what is acknowledged is on the disk, and no password is in the file", async () => {
    const { queue } = studio({}).spec;
    if (!queue) throw new Error("no queue");
    const text = natsConfiguration(studio({}), queue, "cluster.local");
    expect(text).toContain("sync_interval: always");
    for (const line of text.split("\n").filter((each) => each.includes("password")))
      expect(line).toMatch(/password: \$NATS_/);
  });

  test("then the queue is told of its routes and components, in the form that it reads", async () => {
    const all = await objects({});
    const data = find(all, "ConfigMap", "studio-queue")?.data as Record<string, string>;
    const told = queueConfigurationSchema.parse(JSON.parse(data["queue.json"] ?? ""));
    expect(told.routes).toEqual([{ path: "/api/projects/", component: "api", idempotency: "key" }]);
    expect(told.components.api).toMatch(/^http:\/\/studio-api\.music\.svc\.cluster\.local:\d+$/);
    expect(told.clients).toEqual({ gateway: "studio-gateway", operator: "studio-operator" });
    expect(told.limits.storeBytes).toBeLessThan(told.nats.maxBytes);
  });

  test("then apps get the public half of its key, and nothing more", async () => {
    const data = find(await objects({}), "ConfigMap", "studio-queue-keys")?.data as Record<string, string>;
    const { keys } = JSON.parse(data["jwks.json"] ?? "");
    expect(keys).toEqual([
      { kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", x: expect.any(String), kid: expect.any(String) },
    ]);
  });

  test("then its ServiceAccount may read the mode, and nothing else", async () => {
    expect(find(await objects({}), "Role", "studio-queue")?.rules).toEqual([
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["studio-mode"], verbs: ["get", "list", "watch"] },
    ]);
  });
});

test("given a queue of one server, then it has no budget, which would protect nothing, and it is no cluster", async () => {
  const all = await objects({ replicas: 1 });
  expect(find(all, "PodDisruptionBudget", "studio-queue-nats")).toBeUndefined();
  const data = find(all, "ConfigMap", "studio-queue-nats")?.data as Record<string, string>;
  expect(data["nats.conf"]).not.toContain("cluster {");
});
