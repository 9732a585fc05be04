import { describe, expect, test } from "vitest";
import type { EnvVar } from "../api/stemhub.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { apiDefaults, environmentOf, migrationDefaults, withDefaults } from "./environment.ts";

const storage = {
  endpoint: "https://s3.example",
  bucket: "stems",
  credentialsSecret: { name: "studio-s3" },
  caConfigMap: { name: "s3-ca" },
};
const stemhub = aStemHub({ storage });
const of = (env: readonly EnvVar[], login: "app" | "migrator" = "app") =>
  environmentOf({ stemhub, env, login, clusterDomain: "cluster.local" });
const rendered = (variable: EnvVar) => of([variable]).env.find((v) => v.name === variable.name)?.value;
const database = (more: Partial<NonNullable<EnvVar["database"]>>): EnvVar => ({
  name: "X",
  database: { endpoint: "default", part: "url", scheme: "postgresql", ...more },
});
const login = "$(STEMHUB_DB_USER):$(STEMHUB_DB_PASSWORD)";
const ca = "/etc/stemhub/database-ca/ca.crt";

describe("given a database variable, then its value", () => {
  test.each([
    [
      "libpq's url",
      database({}),
      `postgresql://${login}@studio-db.music.svc.cluster.local:5432/$(STEMHUB_DB_NAME)?sslmode=verify-full&sslrootcert=${ca}`,
    ],
    [
      "asyncpg's url",
      database({ scheme: "postgresql+asyncpg" }),
      `postgresql+asyncpg://${login}@studio-db.music.svc.cluster.local:5432/$(STEMHUB_DB_NAME)?ssl=verify-full`,
    ],
    [
      "a url with parameters of its own",
      database({ parameters: { sslmode: "require", application_name: "a b" } }),
      `postgresql://${login}@studio-db.music.svc.cluster.local:5432/$(STEMHUB_DB_NAME)?sslmode=require&application_name=a+b`,
    ],
    [
      "the strict primary's host",
      database({ endpoint: "readWrite", part: "host" }),
      "studio-db-rw.music.svc.cluster.local",
    ],
    ["the replicas' host", database({ endpoint: "readOnly", part: "host" }), "studio-db-ro.music.svc.cluster.local"],
    ["the port", database({ part: "port" }), "5432"],
    ["the user", database({ part: "user" }), "$(STEMHUB_DB_USER)"],
    ["the password", database({ part: "password" }), "$(STEMHUB_DB_PASSWORD)"],
    ["the database's name", database({ part: "name" }), "$(STEMHUB_DB_NAME)"],
    ["the authority's file", database({ part: "caFile" }), ca],
  ])("%s", (_, variable, value) => {
    expect(rendered(variable)).toBe(value);
  });
});

test("given a database variable, then its references come before it, from the login's Secret", () => {
  const names = (who: "app" | "migrator") => JSON.stringify(of([database({})], who).env);
  expect(of([database({})]).env.map((v) => v.name)).toEqual([
    "STEMHUB_DB_USER",
    "STEMHUB_DB_PASSWORD",
    "STEMHUB_DB_NAME",
    "PGSSLROOTCERT",
    "X",
  ]);
  expect(names("app")).toContain("studio-db-app");
  expect(names("migrator")).toContain("studio-db-migrator");
});

test("given a literal value with dollars, then kubelet gets it escaped and the app as it is", () => {
  expect(rendered({ name: "PRICE", value: "$(HOME) costs $5" })).toBe("$$(HOME) costs $$5");
});

test("given storage parts, then literals are literal and keys come from the Secret", () => {
  expect(rendered({ name: "B", storage: { part: "bucket" } })).toBe("stems");
  expect(of([{ name: "K", storage: { part: "secretAccessKey" } }]).env[0]).toEqual({
    name: "K",
    valueFrom: { secretKeyRef: { name: "studio-s3", key: "secretAccessKey" } },
  });
});

test("given neither database nor storage variables, then nothing is mounted and no credential is handed over", () => {
  expect(of([{ name: "A", value: "1" }])).toEqual({ env: [{ name: "A", value: "1" }], volumes: [], volumeMounts: [] });
});

test("given database and storage variables, then both authorities are mounted", () => {
  const mounted = of([database({}), { name: "C", storage: { part: "caFile" } }]);
  expect(mounted.volumes).toEqual([
    { name: "database-ca", configMap: { name: "studio-ca" } },
    { name: "storage-ca", configMap: { name: "s3-ca" } },
  ]);
});

describe("defaults", () => {
  test("an api that maps no database variable gets DATABASE_URL and DATABASE_READ_URL", () => {
    expect(withDefaults([{ name: "A", value: "1" }], apiDefaults).map((v) => v.name)).toEqual([
      "DATABASE_URL",
      "DATABASE_READ_URL",
      "A",
    ]);
  });
  test("one that maps any gets just what it maps", () => {
    expect(withDefaults([database({})], apiDefaults).map((v) => v.name)).toEqual(["X"]);
  });
  test("a variable that the spec sets by hand is not overridden", () => {
    expect(withDefaults([{ name: "DATABASE_URL", value: "mine" }], migrationDefaults)).toEqual([
      { name: "DATABASE_URL", value: "mine" },
    ]);
  });
});
