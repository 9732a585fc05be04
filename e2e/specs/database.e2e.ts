import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { condition, untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-database");

let database: DatabaseClient;

beforeAll(async () => {
  await kubectl.apply(echoStemHub("three", { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, "three");
  database = await databaseClient(kubectl, "three", environment().images.postgres);
}, 180_000);

test("three instances are in sync, on three nodes", async () => {
  const { status } = await untilStemHub(kubectl, "three", "condition=DatabaseRedundant");
  expect(status?.database).toMatchObject({ instances: 3, ready: 3, inSync: 3 });
  const nodes = (await databasePods()).map((pod) => (pod.spec as { nodeName: string }).nodeName);
  expect(new Set(nodes).size).toBe(3);
});

test("from its very first start the primary acknowledged nothing that no standby held", async () => {
  const [primary] = await kubectl.list("pods", "stemhub.dev/stemhub=three,stemhub.dev/role=primary");
  const log = await kubectl.logs(primary?.metadata.name ?? "");
  const first = /parameter "synchronous_standby_names" changed to "(.*)"$/m.exec(log)?.[1];
  // Patroni writes one or the other, as its configuration or its first quorum comes first; both wait for one standby.
  expect(["*", "ANY 1 (*)"]).toContain(first);
  expect(log).not.toContain(`invalid value for parameter "synchronous_standby_names"`);
});

test("data pages carry checksums", async () => {
  expect(await database.sql("SHOW data_checksums")).toBe("on");
});

test("the operator knows the parameters that the server has", async () => {
  const columns = "lower(name), vartype, context, coalesce(unit, ''), coalesce(min_val, ''), coalesce(max_val, '')";
  const ofServer = await database.sql(
    `SELECT concat_ws(E'\\t', ${columns}, coalesce(array_to_string(enumvals, ','), '')) FROM pg_settings WHERE name !~ '[.]' ORDER BY lower(name) COLLATE "C"`,
  );
  const known = await readFile(new URL("../../operator/stemhub/postgres/settings-17.tsv", import.meta.url), "utf8");
  // The app's login is not shown the settings that only a superuser may read.
  const shown = new Set(ofServer.split("\n").map((line) => line.split("\t")[0]));
  const expected = known
    .trimEnd()
    .split("\n")
    .filter((line) => shown.has(line.split("\t")[0]));
  expect(expected.length).toBeGreaterThan(350);
  expect(ofServer.split("\n")).toEqual(expected);
});

describe("connections", () => {
  test.each(["db", "db-rw", "db-ro"] as const)("%s: without TLS nobody gets in", async (at) => {
    await expect(database.sql("SELECT 1", { at, sslmode: "disable" })).rejects.toThrow(/no encryption/);
  });

  test.each(["db", "db-rw", "db-ro"] as const)(
    "%s: its certificate is verified by the StemHub's authority",
    async (at) => {
      const version = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
      expect(await database.sql(version, { at, sslmode: "verify-full" })).toMatch(/^TLSv1\.[23]$/);
    },
  );

  test.each([
    ["db", "f"],
    ["db-rw", "f"],
    ["db-ro", "t"],
  ] as const)("%s leads to a server that is in recovery: %s", async (at, inRecovery) => {
    expect(await database.sql("SELECT pg_is_in_recovery()", { at })).toBe(inRecovery);
  });
});

describe("roles", () => {
  test("what the migrator makes, the app may read and write", async () => {
    await database.sql("CREATE TABLE songs (id serial PRIMARY KEY, title text)", { as: "migrator" });
    const title = "INSERT INTO songs (title) VALUES ('Blue Room') RETURNING title";
    expect(await database.sql(title)).toBe("Blue Room");
    expect(await database.sql("UPDATE songs SET title = 'Red Room'; SELECT title FROM songs")).toBe("Red Room");
  });

  test.each([
    "CREATE TABLE forbidden (id int)",
    "ALTER TABLE songs ADD COLUMN forbidden int",
    "DROP TABLE songs",
    "TRUNCATE songs",
    "CREATE ROLE forbidden",
    "SET ROLE stemhub_owner",
    "COPY (SELECT 1) TO PROGRAM 'true'",
  ])("the app may not: %s", async (statement) => {
    await expect(database.sql(statement)).rejects.toThrow(/permission denied|must be owner/);
  });

  test("the migrator is no superuser", async () => {
    const rights =
      "SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = session_user";
    expect(await database.sql(rights, { as: "migrator" })).toBe("f");
  });
});

test("one instance works too, and says that it has no replica", async () => {
  await kubectl.apply(echoStemHub("one"));
  const stemhub = await untilStemHub(kubectl, "one");
  expect(condition(stemhub, "DatabaseRedundant")).toMatchObject({ status: "False", reason: "SingleInstance" });
  const single = await databaseClient(kubectl, "one", environment().images.postgres);
  expect(await single.sql("SELECT pg_is_in_recovery()", { at: "db-ro" })).toBe("f");
}, 120_000);

function databasePods() {
  return kubectl.list("pods", "app.kubernetes.io/instance=three,app.kubernetes.io/component=database");
}
