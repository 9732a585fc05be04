import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { StemHub } from "../../api/stemhub.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { noTopology } from "../../testing/topology.ts";
import { type DatabaseInput, desiredDatabase } from "./desired.ts";
import { haproxyConfiguration } from "./haproxy.ts";
import { dynamicConfiguration, patroniYaml } from "./patroni.ts";
import type { Topology } from "./topology.ts";

const empty = noTopology;
const images = { postgres: "postgres:1", databaseProxy: "proxy:1" };

function desired(stemhub: StemHub, topology: Topology = empty, volumes: Partial<DatabaseInput> = {}) {
  const { size } = stemhub.spec.database.storage;
  return desiredDatabase({
    stemhub,
    topology,
    templateSize: size,
    volumeSize: size,
    ...volumes,
    beside: { mounts: [], containers: [], volumes: [] },
    replicas: stemhub.spec.database.instances,
    readOnly: false,
    images,
    clusterDomain: "cluster.local",
  });
}

function find(stemhub: StemHub, kind: string, name: string, topology?: Topology) {
  return desired(stemhub, topology).find((object) => object.kind === kind && object.metadata.name === name);
}

describe("given a StemHub with three instances, when its database is desired", () => {
  const stemhub = aStemHub();

  test("then each kind is there once under its name", () => {
    const names = desired(stemhub).map((object) => `${object.kind} ${object.metadata.name}`);
    expect(names).toEqual([
      "ServiceAccount studio-db",
      "Role studio-db",
      "RoleBinding studio-db",
      "ConfigMap studio-db-patroni",
      "Service studio-db",
      "Service studio-db-ro",
      "Service studio-db-rw",
      "Service studio-db-pods",
      "PodDisruptionBudget studio-db",
      "StatefulSet studio-db",
      "ConfigMap studio-db-proxy",
      "ServiceAccount studio-db-proxy",
      "PodDisruptionBudget studio-db-proxy",
      "Deployment studio-db-proxy",
    ]);
  });

  test("then every object goes with its StemHub", () => {
    for (const object of desired(stemhub)) {
      expect(object.metadata.ownerReferences, object.metadata.name).toMatchObject([{ uid: "uid-studio" }]);
    }
  });

  test("then no object holds a password: they come from Secrets alone", () => {
    expect(JSON.stringify(desired(stemhub))).not.toMatch(/"password":"|PASSWORD","value"/);
  });

  test("then the primary's Service selects Patroni's label, and the app's selects the proxy", () => {
    expect(find(stemhub, "Service", "studio-db-rw")?.spec).toMatchObject({
      selector: { "stemhub.dev/role": "primary", "app.kubernetes.io/instance": "studio" },
    });
    expect(find(stemhub, "Service", "studio-db")?.spec).toMatchObject({
      selector: { "app.kubernetes.io/component": "database-proxy" },
    });
  });

  test("then Patroni's stored configuration is left alone before the first start, and owned by us after it", () => {
    expect(find(stemhub, "ConfigMap", "studio-db-config")).toBeUndefined();
    const stored = find(stemhub, "ConfigMap", "studio-db-config", { ...empty, initialized: true });
    expect(JSON.parse(stored?.metadata.annotations?.config ?? "")).toMatchObject({ synchronous_mode: "quorum" });
    expect(stored?.metadata.ownerReferences).toBeUndefined();
  });

  const template = (kind: string, name: string, database: object) => {
    const object = find(aStemHub({ database }), kind, name) as { spec?: { template?: unknown } } | undefined;
    return JSON.stringify(object?.spec?.template);
  };

  test("then members come and go without a restart of the proxies, which would close every session", () => {
    const proxy = (database: object) => template("Deployment", "studio-db-proxy", database);
    expect(proxy({ instances: 1 })).toBe(proxy({ instances: 5 }));
  });

  test("then a parameter that only a restart takes up is another template, and one that is reloaded is not", () => {
    const members = (parameters: object) => template("StatefulSet", "studio-db", { parameters });
    expect(members({ shared_buffers: "256MB" })).not.toBe(members({}));
    expect(members({ work_mem: "8MB" })).toBe(members({}));
  });

  test("then Kubernetes restarts no member: the order is ours", () => {
    expect(find(stemhub, "StatefulSet", "studio-db")?.spec).toMatchObject({ updateStrategy: { type: "OnDelete" } });
  });
});

test("given volumes that are still to grow, then the template is as it was made, and as much WAL is kept as they hold", () => {
  const stemhub = aStemHub({ database: { storage: { size: "40Gi" } } });
  const objects = desired(stemhub, { ...empty, initialized: true }, { templateSize: "10Gi", volumeSize: "20Gi" });
  const called = (kind: string, name: string) =>
    objects.find((object) => object.kind === kind && object.metadata.name === name);
  expect(called("StatefulSet", "studio-db")?.spec).toMatchObject({
    volumeClaimTemplates: [{ spec: { resources: { requests: { storage: "10Gi" } } } }],
  });
  const config = called("ConfigMap", "studio-db-config")?.metadata.annotations?.config ?? "";
  expect(JSON.parse(config).postgresql.parameters.max_slot_wal_keep_size).toBe("5120MB");
});

describe("given one instance, when its database is desired", () => {
  const stemhub = aStemHub({ database: { instances: 1 } });

  test("then it has no disruption budget, which would protect nothing", () => {
    expect(find(stemhub, "PodDisruptionBudget", "studio-db")).toBeUndefined();
  });

  test("then no write waits for a standby that cannot exist", () => {
    expect(dynamicConfiguration(stemhub.spec)).toMatchObject({
      synchronous_mode: false,
      synchronous_mode_strict: false,
      failsafe_mode: false,
    });
  });
});

test.each([
  { synchronous: "required", strict: true },
  { synchronous: "preferred", strict: false },
])("given synchronous: $synchronous at three, then the quorum's strictness is $strict", ({ synchronous, strict }) => {
  const { database } = aStemHub({ database: { synchronous } }).spec;
  expect(dynamicConfiguration({ database })).toMatchObject({
    synchronous_mode: "quorum",
    synchronous_mode_strict: strict,
  });
});

test.each([
  { instances: 3, standbys: 1 },
  { instances: 5, standbys: 2 },
])("given $instances instances, then $standbys standbys hold a commit", ({ instances, standbys }) => {
  const { database } = aStemHub({ database: { instances } }).spec;
  expect(dynamicConfiguration({ database }).synchronous_node_count).toBe(standbys);
});

test("given parameters, then they go before the defaults, and never before what a promise stands on", () => {
  const { database } = aStemHub({ database: { parameters: { max_wal_size: "4GB", wal_level: "minimal" } } }).spec;
  const { parameters } = dynamicConfiguration({ database }).postgresql;
  expect(parameters).toMatchObject({ max_wal_size: "4GB", wal_level: "replica", max_connections: "200" });
});

test.each([
  { size: "100Gi", forReplicas: "25600MB", betweenCheckpoints: "2048MB", withoutSlot: "256MB" },
  { size: "1Gi", forReplicas: "256MB", betweenCheckpoints: "256MB", withoutSlot: "256MB" },
  { size: "256Mi", forReplicas: "64MB", betweenCheckpoints: "64MB", withoutSlot: "64MB" },
])("no reason to keep WAL takes more than a quarter of a volume of $size", (row) => {
  const { database } = aStemHub().spec;
  const { parameters } = dynamicConfiguration({ database: { ...database, storage: { size: row.size } } }).postgresql;
  expect(parameters).toMatchObject({
    max_slot_wal_keep_size: row.forReplicas,
    max_wal_size: row.betweenCheckpoints,
    wal_keep_size: row.withoutSlot,
  });
});

test("Patroni's own law holds: the lock outlives a loop and two retries", () => {
  const { ttl, loop_wait, retry_timeout } = dynamicConfiguration(aStemHub().spec);
  expect(ttl).toBeGreaterThanOrEqual(loop_wait + 2 * retry_timeout);
});

test("Patroni's file lets nobody in from outside without TLS and a password", () => {
  const file = parse(patroniYaml(aStemHub()));
  for (const line of file.postgresql.pg_hba)
    expect(line).toMatch(/^(local all postgres peer|(local|hostssl) .* scram-sha-256)$/);
});

test("HAProxy asks each member as primary and as replica, and the second Service follows those checks", () => {
  const lines = haproxyConfiguration(aStemHub(), "cluster.local").split("\n");
  const servers = lines.filter((line) => line.startsWith("  server "));
  expect(servers).toHaveLength(20);
  expect(servers.filter((line) => line.includes("check-ssl verify required"))).toHaveLength(10);
  expect(servers.filter((line) => / track primary_first\/(primary|replica)-studio-db-\d/.test(line))).toHaveLength(10);
  // Each member is two servers of a backend: without this HAProxy keeps the second in maintenance for ever.
  expect(servers.filter((line) => line.includes("resolve-opts allow-dup-ip"))).toHaveLength(20);
  // A connection that fails is the soonest sign of a primary that is gone; of a replica it is not asked.
  const observing = servers.filter((line) => line.includes("observe layer4"));
  expect(observing.map((line) => line.split(" ")[3])).toEqual([0, 1, 2, 3, 4].map((i) => `primary-studio-db-${i}`));
});
