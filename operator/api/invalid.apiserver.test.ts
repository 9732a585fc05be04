import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { KubeApi } from "../runtime/api.ts";
import { ApiError } from "../runtime/errors.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { startApiServer, type TestApiServer } from "../testing/apiserver.ts";
import { everyFieldSpec, minimalSpec, type WrittenSpec } from "./fixtures/specs.ts";
import { stemhubKind } from "./kinds.ts";
import { parseStemHub, stemhubDefinition } from "./stemhub.ts";

let server: TestApiServer;
let api: KubeApi;

beforeAll(async () => {
  server = await startApiServer();
  const definitions = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
  };
  api = await server.admin({ kinds: [stemhubKind, definitions] });
  await api.create(stemhubDefinition.crd as unknown as KubeObject);
  // A definition is served a moment after it was accepted.
  await vi.waitFor(() => api.list(stemhubKind, "default"), { timeout: 20_000, interval: 200 });
});
afterAll(() => server?.stop());

function stemhub(name: string, spec: WrittenSpec): KubeObject {
  return { apiVersion: "stemhub.dev/v1alpha1", kind: "StemHub", metadata: { name, namespace: "default" }, spec };
}

/** The API server's sentence; empty when it had none against it. */
async function refusal(write: Promise<KubeObject>): Promise<string> {
  try {
    await write;
    return "";
  } catch (error) {
    if (error instanceof ApiError && error.status === 422) return error.message;
    throw error;
  }
}

/** A valid spec with one thing wrong. */
function broken(change: (spec: WrittenSpec) => void): WrittenSpec {
  const spec = everyFieldSpec();
  change(spec);
  return spec;
}

type Case = readonly [what: string, change: (spec: WrittenSpec) => void, field: string, remedy: RegExp];

const cases: readonly Case[] = [
  ["no release", (s) => delete s.release, "spec.release", /Required/],
  ["no version", (s) => delete s.release.version, "spec.release.version", /Required/],
  ["a version with spaces", (s) => (s.release.version = "one two"), "release.version", /write it like 1\.4\.0/],
  ["no images at all", (s) => (s.release.images = {}), "release.images", /name the image/],
  ["an image without a tag", (s) => (s.release.images.api = "registry.example/api"), "images.api", /tag or a digest/],
  [
    "an image with a port and no tag",
    (s) => (s.release.images.api = "registry.example:5000/api"),
    "images.api",
    /tag or a digest/,
  ],
  [
    "an image called latest",
    (s) => (s.release.images.api = "registry.example/api:latest"),
    "images.api",
    /name a version/,
  ],
  ["a component without an image", (s) => delete s.release.images.web, "release.images.web", /needs an image/],
  [
    "an unknown migration tool",
    (s) => (s.release.migrate.tool = "flyway"),
    "release.migrate.tool",
    /prisma.*alembic.*sql.*command/,
  ],
  [
    "tool command without a command",
    (s) => delete s.release.migrate.command,
    "release.migrate.command",
    /needs the command/,
  ],
  ["tool sql without files", (s) => (s.release.migrate = { tool: "sql" }), "release.migrate.sql", /sql\.configMap/],
  [
    "files for another tool",
    (s) => (s.release.migrate.sql = { configMap: "m" }),
    "release.migrate.sql",
    /set tool to sql/,
  ],
  [
    "a command for tool sql",
    (s) => (s.release.migrate = { tool: "sql", sql: { configMap: "m" }, command: ["x"] }),
    "release.migrate.command",
    /set tool to command/,
  ],
  [
    "a migration of one second",
    (s) => (s.release.migrate.timeoutSeconds = 1),
    "release.migrate.timeoutSeconds",
    /greater than or equal to 10/,
  ],
  ["PostgreSQL 12", (s) => (s.database.version = 12), "database.version", /must be 17/],
  ["two instances", (s) => (s.database.instances = 2), "database.instances", /must be 1 or 3/],
  ["a volume of nothing", (s) => (s.database.storage.size = "1Mi"), "database.storage.size", /at least 256Mi/],
  ["a size in words", (s) => (s.database.storage.size = "big"), "database.storage.size", /should match/],
  [
    "more requested than allowed",
    (s) => (s.database.resources = { requests: { memory: "2Gi" }, limits: { memory: "1Gi" } }),
    "resources",
    /lower the request/,
  ],
  [
    "an unknown way of commit",
    (s) => (s.database.synchronous = "maybe"),
    "database.synchronous",
    /required.*preferred/,
  ],
  ["an endpoint without a scheme", (s) => (s.storage.endpoint = "s3.example"), "storage.endpoint", /must be a URL/],
  [
    "an endpoint with a path",
    (s) => (s.storage.endpoint = "https://s3.example/bucket"),
    "storage.endpoint",
    /without a path/,
  ],
  ["a bucket in capitals", (s) => (s.storage.bucket = "Stems"), "storage.bucket", /small letters/],
  ["storage asked for and absent", (s) => delete s.storage, "storage is missing", /env entry asks/],
  ["no component", (s) => (s.components = {}), "components", /add at least api/],
  ["a port below 1024", (s) => (s.components.api.port = 80), "port", /1024 to 65535/],
  [
    "more replicas at least than at most",
    (s) => (s.components.api.replicas = { min: 5, max: 4 }),
    "replicas.max",
    /raise max or lower min/,
  ],
  ["autoscaling without room", (s) => (s.components.api.replicas = { min: 2 }), "autoscaling", /set replicas\.max/],
  [
    "autoscaling by nothing",
    (s) => (s.components.api.autoscaling = {}),
    "autoscaling",
    /cpuPercent, memoryPercent or both/,
  ],
  [
    "150 percent",
    (s) => (s.components.api.autoscaling.cpuPercent = 150),
    "autoscaling.cpuPercent",
    /less than or equal to 100/,
  ],
  ["a variable with a dash", (s) => (s.components.api.env[0].name = "A-B"), "env.name", /write it like DATABASE_URL/],
  [
    "a variable that is the operator's",
    (s) => (s.components.api.env[0].name = "STEMHUB_DB_USER"),
    "env.name",
    /choose another name/,
  ],
  ["a variable twice", (s) => s.components.api.env.push({ name: "PLAIN", value: "2" }), "env", /Duplicate value/],
  [
    "a variable with two sources",
    (s) => (s.components.api.env[0].secret = { name: "s", key: "k" }),
    "env entry",
    /exactly one of/,
  ],
  ["a variable with no source", (s) => delete s.components.api.env[0].value, "env entry", /exactly one of/],
  [
    "a scheme in capitals",
    (s) => (s.components.api.env[3].database.scheme = "PostgreSQL"),
    "database.scheme",
    /small letters/,
  ],
  ["an unknown part", (s) => (s.components.api.env[3].database.part = "dsn"), "database.part", /url.*host/],
  [
    "an envFrom with two sources",
    (s) => (s.components.api.envFrom[0].configMap = { name: "c" }),
    "envFrom entry",
    /exactly one of/,
  ],
  [
    "a volume with two kinds",
    (s) => (s.components.api.volumes[0].secret = { name: "s" }),
    "volumes entry",
    /exactly one of/,
  ],
  [
    "a volume of no kind, as hostPath would be",
    (s) => (s.components.api.volumes[0] = { name: "h", mountPath: "/h", hostPath: { path: "/" } }),
    "volumes",
    /exactly one of/,
  ],
  [
    "a relative mount",
    (s) => (s.components.api.volumes[0].mountPath = "cache"),
    "volumes.mountPath",
    /begin it with \//,
  ],
  [
    "a mount over the operator's own",
    (s) => (s.components.api.volumes[0].mountPath = "/etc/stemhub/x"),
    "volumes.mountPath",
    /choose another path/,
  ],
  [
    "two volumes in one place",
    (s) => (s.components.api.volumes[1].mountPath = "/cache"),
    "volumes.mountPath",
    /path of its own/,
  ],
  [
    "root",
    (s) => (s.components.api.securityContext.runAsUser = 0),
    "securityContext.runAsUser",
    /greater than or equal to 1/,
  ],
  [
    "a probe without a slash",
    (s) => (s.components.api.probes.readiness.path = "readyz"),
    "probes",
    /must begin with \//,
  ],
  ["a host with a scheme", (s) => (s.gateway.host = "https://studio.example"), "gateway.host", /without a scheme/],
  [
    "node ports on a ClusterIP",
    (s) => (s.gateway.service.type = "ClusterIP"),
    "gateway.service",
    /type NodePort or LoadBalancer/,
  ],
  ["a node port out of range", (s) => (s.gateway.service.httpNodePort = 80), "nodePort", /30000 to 32767/],
  [
    "a proxy that is no network",
    (s) => (s.gateway.trustedProxies = ["everyone"]),
    "gateway.trustedProxies",
    /networks like 10/,
  ],
  [
    "a route to nobody",
    (s) => (s.gateway.routes[0].component = "dawParsing"),
    "gateway.routes[0].component",
    /api.*web/,
  ],
  [
    "a route to a component that is not there",
    (s) => {
      delete s.components.web;
    },
    "gateway.routes",
    /change the route/,
  ],
  ["a route without a slash", (s) => (s.gateway.routes[0].path = "api"), "gateway.routes.path", /begin with \//],
  [
    "a route over the gateway's own",
    (s) => (s.gateway.routes[0].path = "/.well-known/stemhub/x"),
    "gateway.routes.path",
    /answers itself/,
  ],
  ["a route twice", (s) => s.gateway.routes.push({ path: "/", component: "api" }), "routes", /Duplicate value/],
  ["an unknown deletion policy", (s) => (s.deletionPolicy = "Keep"), "deletionPolicy", /Retain.*Delete|Delete.*Retain/],
];

describe("given an invalid spec, when a person applies it, then the API server refuses it and says what to change", () => {
  test.each(cases)("%s", async (_, change, field, remedy) => {
    const sentence = await refusal(api.create(stemhub("broken", broken(change))));
    expect(sentence).toContain(field);
    expect(sentence).toMatch(remedy);
  });

  test.each([
    ["a name too long for its children", "a".repeat(41)],
    ["a name that begins with a digit", "1studio"],
  ])("%s", async (_, name) => {
    expect(await refusal(api.create(stemhub(name, minimalSpec())))).toContain("metadata.name must be at most 40");
  });

  test("and none of them was stored", async () => {
    expect(await api.list(stemhubKind, "default")).toEqual([]);
  });
});

describe("given a StemHub, when an edit would break it, then it is refused", () => {
  const refusedEdit = async (name: string, before: WrittenSpec, after: WrittenSpec) => {
    await api.apply(stemhub(name, before), { fieldManager: "a-person" });
    return refusal(api.apply(stemhub(name, after), { fieldManager: "a-person" }));
  };

  test("fewer instances", async () => {
    const after = { ...minimalSpec(), database: { instances: 1 } };
    expect(await refusedEdit("fewer", minimalSpec(), after)).toContain("database.instances cannot be reduced");
  });
  test("another size of volume", async () => {
    const after = { ...minimalSpec(), database: { storage: { size: "20Gi" } } };
    expect(await refusedEdit("resized", minimalSpec(), after)).toContain("database.storage.size cannot change");
  });
  test("another class of volume", async () => {
    const after = { ...minimalSpec(), database: { storage: { className: "fast" } } };
    expect(await refusedEdit("reclassed", minimalSpec(), after)).toContain("database.storage.className cannot change");
  });
});

describe("given a valid spec", () => {
  test.each([
    ["the least", minimalSpec],
    ["every field", everyFieldSpec],
  ])("%s: then what the API server fills in is what the operator's own reader fills in", async (name, spec) => {
    const stored = await api.apply(stemhub(name === "the least" ? "least" : "every", spec()), {
      fieldManager: "a-person",
    });
    expect(stored.spec).toEqual(parseStemHub(stemhub("x", spec())).spec);
  });

  test("one instance may become three", async () => {
    await api.apply(stemhub("grows", { ...minimalSpec(), database: { instances: 1 } }), { fieldManager: "a-person" });
    expect(
      await refusal(
        api.apply(stemhub("grows", { ...minimalSpec(), database: { instances: 3 } }), { fieldManager: "a-person" }),
      ),
    ).toBe("");
  });
});
