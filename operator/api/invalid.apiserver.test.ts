import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import type { KubeApi } from "../runtime/api.ts";
import { systemClock } from "../runtime/clock.ts";
import { tokenCredentials } from "../runtime/credentials.ts";
import { HttpClient, type HttpRequest } from "../runtime/http.ts";
import type { KubeObject, ResourceKind } from "../runtime/objects.ts";
import { startApiServer, type TestApiServer } from "../testing/apiserver.ts";
import { withFields } from "./fixtures/refused.ts";
import { refusedAuth } from "./fixtures/refused-auth.ts";
import { refusedComponents, unknownFields } from "./fixtures/refused-components.ts";
import { refusedPlatforms } from "./fixtures/refused-platform.ts";
import { everyFieldSpec, minimalSpec, sqlMigrationSpec, type WrittenSpec } from "./fixtures/specs.ts";
import { stemhubKind } from "./kinds.ts";
import { parseStemHub, stemhubDefinition } from "./stemhub.ts";

const definitions: ResourceKind = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
};

let server: TestApiServer;
let api: KubeApi;
let http: HttpClient;

beforeAll(async () => {
  server = await startApiServer();
  api = await server.admin({ kinds: [stemhubKind, definitions], fieldManager: "a-person" });
  http = new HttpClient(tokenCredentials(server.url, server.adminToken, server.ca), systemClock, "test");
  await api.create(stemhubDefinition.crd as unknown as KubeObject);
  // A definition is served a moment after it was accepted.
  await vi.waitFor(() => api.list(stemhubKind, "default"), { timeout: 20_000, interval: 200 });
});
afterAll(async () => {
  http?.close();
  await server?.stop();
});

const repository = (more: object = {}) => ({
  endpoint: "https://s3.example",
  bucket: "backup",
  credentialsSecret: { name: "s3" },
  ...more,
});

function stemhub(name: string, spec: WrittenSpec): KubeObject {
  return { apiVersion: "stemhub.dev/v1alpha1", kind: "StemHub", metadata: { name, namespace: "default" }, spec };
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an object, a Status or an OpenAPI document.
  readonly body: any;
}

async function request(
  method: HttpRequest["method"],
  path: string,
  object?: KubeObject,
  contentType = "application/json",
): Promise<Answer> {
  const content = object ? { body: JSON.stringify(object), contentType } : {};
  const answer = await http.send({ method, path, ...content, timeoutMs: 10_000, signals: [], gate: () => undefined });
  return { status: answer.status, body: JSON.parse(answer.body) };
}

const path = "/apis/stemhub.dev/v1alpha1/namespaces/default/stemhubs";

/** Creates it. Strict, as kubectl has it: fields that the schema lacks are refused and not left out. */
const create = (object: KubeObject, validation: "Strict" | "Ignore") =>
  request("POST", `${path}?fieldValidation=${validation}`, object);

/** Server-side apply. */
const apply = (object: KubeObject) =>
  request("PATCH", `${path}/${object.metadata.name}?fieldManager=a-person`, object, "application/apply-patch+yaml");

describe("given an invalid spec, when it is applied, then it is refused with the field and what to change", () => {
  test.each([...refusedPlatforms, ...refusedComponents, ...refusedAuth])("%s", async (_, set, field, says) => {
    const { status, body } = await create(stemhub("broken", withFields(everyFieldSpec(), set)), "Ignore");
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(says);
  });

  test.each(unknownFields)("%s", async (_, set, field, says) => {
    const { status, body } = await create(stemhub("broken", withFields(everyFieldSpec(), set)), "Strict");
    expect(status).toBe(400);
    expect(body.message).toContain(field);
    expect(body.message).toContain(says);
  });

  test.each([
    ["a name too long for those of its children", "a".repeat(41)],
    ["a name that begins with a digit", "1studio"],
    ["a name with a dot", "my.studio"],
  ])("%s", async (_, name) => {
    const { status, body } = await create(stemhub(name, minimalSpec()), "Strict");
    expect(status).toBe(422);
    expect(body.message).toContain("metadata.name must be at most 40 small letters");
    expect(body.message).toContain("choose a shorter or simpler one");
  });

  test("and none of them was stored", async () => {
    expect(await api.list(stemhubKind, "default")).toEqual([]);
  });
});

describe("given a StemHub, when an edit would break it, then it is refused and the former spec stays", () => {
  test.each([
    ["fewer-members", {}, { "database.instances": 1 }, "database.instances cannot be reduced to 1", "keep 3"],
    [
      "smaller-volume",
      {},
      { "database.storage": { size: "9.5Gi" } },
      "database.storage.size cannot shrink from 10Gi to 9.5Gi",
      "keep 10Gi",
    ],
    ["another-class", {}, { "database.storage": { className: "fast" } }, "className cannot change", "keep the former"],
    [
      "no-class",
      { "database.storage": { className: "fast" } },
      { database: {} },
      "className cannot change",
      "keep the former",
    ],
    [
      "fewer-connections",
      { "database.parameters": { max_connections: "300" } },
      { "database.parameters": { work_mem: "8MB" } },
      "database.parameters.max_connections can be raised and not lowered",
      "keep the former value",
    ],
    ["another-major", {}, { "database.version": 18 }, "database.version cannot change", "make a new StemHub"],
    [
      "another-passphrase",
      { backup: { repository: repository() } },
      { backup: { repository: repository({ encryptionSecret: { name: "mine" } }) } },
      "backup.repository.encryptionSecret cannot change",
      "name another path or bucket",
    ],
  ])("%s", async (name, before, after, field, says) => {
    const first = await apply(stemhub(name, withFields(minimalSpec(), before)));
    expect(first.status).toBe(201);
    const { status, body } = await apply(stemhub(name, withFields(withFields(minimalSpec(), before), after)));
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(says);
    expect((await api.get(stemhubKind, "default", name))?.spec).toEqual(first.body.spec);
  });

  test.each([
    ["five instances instead of three", {}, { "database.instances": 5 }],
    ["three instances instead of five", { "database.instances": 5 }, { "database.instances": 3 }],
    ["more connections", {}, { "database.parameters": { max_connections: "300" } }],
    ["three instances instead of one", { "database.instances": 1 }, { "database.instances": 3 }],
    ["another release", {}, { "release.version": "1.1.0" }],
    ["one replica instead of two", {}, { "components.api": { replicas: { min: 1 } } }],
    ["a larger volume", { "database.storage": { size: "20Gi" } }, { "database.storage": { size: 32212254720 } }],
    ["a way of commit", {}, { "database.synchronous": "preferred" }],
    ["a backup", {}, { backup: { repository: repository() } }],
    ["no backup any more", { backup: { repository: repository() } }, {}],
    [
      "another passphrase elsewhere",
      { backup: { repository: repository() } },
      { backup: { repository: repository({ encryptionSecret: { name: "mine" }, path: "/elsewhere" }) } },
    ],
  ])("while %s is accepted", async (what, before, after) => {
    const name = what.replaceAll(" ", "-").slice(0, 40);
    expect((await apply(stemhub(name, withFields(minimalSpec(), before)))).status).toBe(201);
    expect((await apply(stemhub(name, withFields(minimalSpec(), after)))).status).toBe(200);
  });
});

test("given volumes that could not grow, then the size can go back to what they have, and no further", async () => {
  const sized = (size: string | number) =>
    stemhub("cannot-grow", withFields(minimalSpec(), { "database.storage": { size } }));
  for (const size of ["10Gi", "20Gi"]) await apply(sized(size));
  expect((await apply(sized("10Gi"))).status).toBe(422);
  const database = { instances: 3, ready: 3, inSync: 3, summary: "3/3 in sync", volumeSize: "10Gi" };
  const { apiVersion, kind, metadata } = sized("20Gi");
  await api.apply({ apiVersion, kind, metadata, status: { database } }, { subresource: "status" });
  expect((await apply(sized("9Gi"))).body.message).toContain("cannot shrink from 20Gi to 9Gi");
  expect((await apply(sized(10 * 2 ** 30))).status).toBe(200);
});

describe("given a valid spec", () => {
  test.each([
    ["the-least", minimalSpec()],
    ["every-field", everyFieldSpec()],
    ["files-of-sql", sqlMigrationSpec()],
    [
      "empty-parents",
      withFields(minimalSpec(), { gateway: { tls: {}, service: {}, limits: {} }, "database.storage": {} }),
    ],
    ["half-filled", withFields(minimalSpec(), { "components.api": { replicas: { max: 5 }, probes: { startup: {} } } })],
    [
      "plain-numbers",
      withFields(minimalSpec(), { "components.api": { resources: { requests: { cpu: 1, memory: 2e8 } } } }),
    ],
    ["an-empty-variable", withFields(minimalSpec(), { "components.api": { env: [{ name: "DEBUG", value: "" }] } })],
    ["tag-and-digest", withFields(minimalSpec(), { "release.images.api": `h:5000/a/b:v1@sha256:${"0".repeat(64)}` })],
  ])("%s: then the API server fills in the defaults that the operator's own reader fills in", async (name, spec) => {
    const { status, body } = await apply(stemhub(name, spec));
    expect(body.message ?? "").toBe("");
    expect(status).toBe(201);
    expect(body.spec).toEqual(parseStemHub(stemhub(name, spec)).spec);
  });

  test.each(["README.md", "examples/quickstart.yaml", "examples/production.yaml"])(
    "then what %s shows can be applied as it is",
    async (file) => {
      const text = await readFile(new URL(`../../${file}`, import.meta.url), "utf8");
      const documents = file.endsWith(".md")
        ? [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => yaml)
        : [text];
      const objects = documents.flatMap((yaml) => parseAllDocuments(yaml ?? "").map((document) => document.toJS()));
      const shown = objects.filter(({ kind }) => kind === "StemHub");
      expect(shown).not.toEqual([]);
      for (const { spec } of shown) {
        const { body } = await create(stemhub("shown", spec), "Strict");
        expect(body.message).toBeUndefined();
        await api.delete(stemhubKind, "default", "shown");
      }
    },
  );

  test("then two writers can each own a variable of one component", async () => {
    const variable = (name: string) => ({ "components.api": { env: [{ name, value: "x" }] } });
    const spec = () => minimalSpec();
    await api.apply(stemhub("shared", withFields(spec(), variable("FIRST"))), { fieldManager: "first" });
    await api.apply(stemhub("shared", withFields(spec(), variable("SECOND"))), { fieldManager: "second" });
    const stored = parseStemHub((await api.get(stemhubKind, "default", "shared")) as KubeObject);
    expect(stored.spec.components.api?.env?.map(({ name }) => name)).toEqual(["FIRST", "SECOND"]);
  });
});

describe("given the definition on a real API server", () => {
  test("then it was accepted as structural, with names, short name and category", async () => {
    const live = (await api.get(definitions, undefined, "stemhubs.stemhub.dev")) as unknown as {
      status: { conditions: { type: string; status: string }[]; acceptedNames: unknown };
    };
    const holds = live.status.conditions.map(({ type, status }) => `${type}=${status}`).sort();
    expect(holds).toEqual(["Established=True", "NamesAccepted=True"]);
    expect(live.status.acceptedNames).toMatchObject({ shortNames: ["shub"], categories: ["stemhub"] });
  });

  test("then kubectl explain has words for every field at every level", async () => {
    type Node = { description?: string; properties?: Record<string, Node>; items?: Node; additionalProperties?: Node };
    const schemas = await vi.waitFor(
      async () => {
        const { status, body } = await request("GET", "/openapi/v3/apis/stemhub.dev/v1alpha1");
        expect(status).toBe(200);
        return body.components.schemas as Record<string, Node>;
      },
      { timeout: 20_000, interval: 200 },
    );
    const root = schemas["dev.stemhub.v1alpha1.StemHub"];
    const silent: string[] = [];
    let fields = 0;
    const visit = (node: Node, path: string) => {
      fields += 1;
      if (!node.description?.trim()) silent.push(path);
      for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`);
      for (const [name, child] of Object.entries(node.items?.properties ?? {})) visit(child, `${path}[].${name}`);
    };
    for (const section of ["spec", "status"]) visit(root?.properties?.[section] ?? {}, section);
    expect(root?.description).toContain("platform");
    expect(silent).toEqual([]);
    expect(fields).toBeGreaterThan(500);
  });
});
