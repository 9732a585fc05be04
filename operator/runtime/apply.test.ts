import { expect, test } from "vitest";
import { MemoryApiServer } from "../testing/memory-api.ts";
import { applyIfChanged, applyStatusIfChanged, hashOf } from "./apply.ts";
import { ConflictError } from "./errors.ts";
import type { KubeObject } from "./objects.ts";

/** A cache that shows exactly what the server has. */
function setUp() {
  const server = new MemoryApiServer();
  const find = (name: string) => [...server.objects.values()].find((object) => object.metadata.name === name);
  const cache = {
    get: (_kind: unknown, _ns: unknown, name: string) => find(name),
    list: () => [],
    observe: () => undefined,
  };
  return {
    server,
    find,
    deps: { api: server.client(), cache, fieldManager: "operator", hashAnnotation: "x.dev/applied" },
  };
}

const desired: KubeObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "ns" },
  data: { key: "value" },
};

test("an absent object is applied", async () => {
  const { deps, find } = setUp();
  expect(await applyIfChanged(deps, desired)).toMatchObject({ written: true, changed: true, why: "absent" });
  expect(find("a")?.metadata.annotations).toEqual({ "x.dev/applied": hashOf(desired) });
});

test("an apply that changed nothing is not repeated until the desired or the live object changes", async () => {
  const { deps, server } = setUp();
  // The server in memory keeps no managedFields, so everything looks as if it had drifted: the worst case.
  await applyIfChanged(deps, desired);
  for (let pass = 0; pass < 3; pass++) expect(await applyIfChanged(deps, desired)).toMatchObject({ written: false });
  await server
    .client()
    .patch(
      { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" },
      "ns",
      "a",
      { data: { key: "other" } },
      { type: "merge" },
    );
  expect(await applyIfChanged(deps, desired)).toMatchObject({ written: true, changed: true });
  const next = { ...desired, data: { key: "new" } };
  expect(await applyIfChanged(deps, next)).toMatchObject({ written: true, why: "desired changed" });
  expect(server.calls.filter(({ verb }) => verb === "apply")).toHaveLength(3);
});

test("stringData is refused: nothing could tell whether it is applied", async () => {
  await expect(applyIfChanged(setUp().deps, { ...desired, stringData: {} })).rejects.toThrow("use data");
});

test("a status is written when it differs, against the newest object that the cache has", async () => {
  const { deps, server, find } = setUp();
  await applyIfChanged(deps, desired);
  const live = find("a") as KubeObject;
  expect(await applyStatusIfChanged(deps, live, { ready: true, conditions: [] })).toMatchObject({ written: true });
  expect(await applyStatusIfChanged(deps, find("a") as KubeObject, { conditions: [], ready: true })).toMatchObject({
    written: false,
  });
  expect(await applyStatusIfChanged(deps, find("a") as KubeObject, { ready: false, conditions: [] })).toMatchObject({
    written: true,
  });
  expect(server.calls.filter(({ verb }) => verb === "apply")).toHaveLength(3);
  const gone = { ...live, metadata: { ...live.metadata, uid: "another" } };
  await expect(applyStatusIfChanged(deps, gone, { ready: true })).rejects.toBeInstanceOf(ConflictError);
});

test("a hash is of what apply would send: order, undefined and null do not count", () => {
  expect(hashOf({ a: 1, b: [{ c: undefined, d: null, e: 2 }] })).toBe(hashOf({ b: [{ e: 2 }], a: 1 }));
  expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }));
  expect(hashOf({ a: "" })).not.toBe(hashOf({}));
});
