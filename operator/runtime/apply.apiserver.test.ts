import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startApiServer, type TestApiServer } from "../testing/apiserver.ts";
import { childManifests, podTemplate } from "../testing/children.ts";
import { FaultyProxy } from "../testing/proxy.ts";
import type { KubeApi } from "./api.ts";
import { type ApplyDeps, applyIfChanged, applyStatusIfChanged } from "./apply.ts";
import { systemClock } from "./clock.ts";
import { connect } from "./connect.ts";
import { findDrift } from "./drift.ts";
import { ConflictError, NamespaceEndingError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { silentLog } from "./log.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";
import { createCache } from "./watch-cache.ts";

const things: ResourceKind = { apiVersion: "x.dev/v1", kind: "Thing", plural: "things" };
const ns = "default";
const objects = childManifests(ns);

let server: TestApiServer;
let proxy: FaultyProxy;
let other: KubeApi;
let deps: ApplyDeps;
const stop = new AbortController();

beforeAll(async () => {
  server = await startApiServer();
  proxy = await FaultyProxy.start(server);
  other = await server.admin({ fieldManager: "somebody", kinds: [things] });
  await other.create(thingDefinition);
  const api = await connect({
    credentials: proxy.credentials(server.adminToken),
    fieldManager: "operator",
    kinds: [things],
  });
  await vi.waitFor(() => api.list(things, ns), { timeout: 10_000 }); // A definition takes a moment to be served.
  const cache = createCache({
    api,
    clock: systemClock,
    log: silentLog,
    signal: stop.signal,
    clusterWide: [{ kind: things }],
    perNamespace: [...new Set(objects.map((object) => object.kind))].map((kind) => ({ kind: kindOf(kind) })),
    fieldManager: "operator",
  });
  cache.start();
  await cache.ready();
  await cache.namespaceReady(ns);
  deps = { api, cache, fieldManager: "operator", hashAnnotation: "x.dev/applied" };
});
afterAll(async () => {
  stop.abort();
  await proxy.stop();
  await server.stop();
});

const thingDefinition: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.x.dev" },
  spec: {
    group: "x.dev",
    names: { kind: "Thing", plural: "things", singular: "thing" },
    scope: "Namespaced",
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { status: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        },
      },
    ],
  },
};

function kindOf(name: string): ResourceKind {
  const found = Object.values(kinds).find(({ kind }) => kind === name);
  if (!found) throw new Error(`no kind ${name}`);
  return found;
}

/** The live object, from the server and not from the cache. */
async function live(desired: KubeObject): Promise<KubeObject> {
  return (await other.get(kindOf(desired.kind), ns, desired.metadata.name)) as KubeObject;
}

const cached = (desired: KubeObject) => deps.cache.get(desired, ns, desired.metadata.name) as KubeObject;
const seenBy = async (desired: KubeObject) => {
  const version = (await live(desired)).metadata.resourceVersion;
  await expect.poll(() => cached(desired).metadata.resourceVersion).toBe(version);
};

describe.each(objects)("$kind", (desired) => {
  test("is written once, and has not drifted after the API server's defaulting", async () => {
    expect(await applyIfChanged(deps, desired)).toMatchObject({ written: true, why: "absent" });
    expect(findDrift(desired, await live(desired), "operator")).toBeUndefined();
    const before = proxy.writes.length;
    expect(await applyIfChanged(deps, structuredClone(desired))).toMatchObject({ written: false });
    // Also with another operator's memory: what a restart finds.
    const afterRestart = {
      ...deps,
      cache: { get: deps.cache.get.bind(deps.cache), list: () => [], observe: () => undefined },
    };
    expect(await applyIfChanged(afterRestart, desired)).toMatchObject({ written: false });
    expect(proxy.writes.length).toBe(before);
  });
});

describe("drift", () => {
  const desired = objects.find(({ kind }) => kind === "Deployment") as KubeObject;
  const containerOf = (deployment: KubeObject) =>
    (deployment.spec as { template: { spec: { containers: Record<string, unknown>[] } } }).template.spec.containers[0];
  beforeEach(() => applyIfChanged(deps, desired));

  test.each([
    ["a scalar", { spec: { replicas: 7 } }, "spec.replicas"],
    ["a label", { metadata: { labels: { app: "y" } } }, "metadata.labels"],
    ["a label that is gone", { metadata: { labels: { app: null } } }, "metadata.labels"],
    ["the hash", { metadata: { annotations: { "x.dev/applied": "x" } } }, "desired changed"],
    [
      "a resource",
      { spec: { template: { spec: { containers: [{ name: "main", resources: { limits: { memory: "1Gi" } } }] } } } },
      undefined,
    ],
  ])("in %s is found and healed", async (_what, change, why) => {
    const path = "spec.template.spec.containers[name=main].resources.limits.memory";
    // A strategic patch is what kubectl edit and set send; here a merge patch and, for lists, an apply by force.
    if (why) await other.patch(kinds.deployments, ns, "x", change, { type: "merge" });
    else
      await other.apply({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "x", namespace: ns },
        ...change,
      } as KubeObject);
    await seenBy(desired);
    expect(await applyIfChanged(deps, desired)).toMatchObject({ written: true, changed: true, why: why ?? path });
    expect(findDrift(desired, await live(desired), "operator")).toBeUndefined();
    expect(await applyIfChanged(deps, desired)).toMatchObject({ written: false });
  });

  test("is not what others add beside our fields", async () => {
    await other.patch(
      kinds.deployments,
      ns,
      "x",
      { metadata: { labels: { theirs: "1" }, annotations: { "their/note": "x" } } },
      { type: "merge" },
    );
    await other.apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", namespace: ns },
      spec: {
        template: {
          spec: {
            containers: [
              { name: "main", env: [{ name: "INJECTED", value: "1" }] },
              { name: "sidecar", image: "s:1" },
            ],
          },
        },
      },
    });
    await seenBy(desired);
    expect(await applyIfChanged(deps, desired)).toMatchObject({ written: false });
  });

  test("a field that is not desired any more is removed; one handed to another manager stays", async () => {
    const { args: _, ...container } = podTemplate.spec.containers[0] as Record<string, unknown>;
    const spec = desired.spec as { replicas: number; template: typeof podTemplate };
    const { replicas: __, ...handedOver } = spec;
    await other.patch(kinds.deployments, ns, "x", { spec: { replicas: 4 } }, { type: "merge" });
    const next = {
      ...desired,
      spec: { ...handedOver, template: { ...podTemplate, spec: { ...podTemplate.spec, containers: [container] } } },
    };
    await seenBy(desired);
    expect(await applyIfChanged(deps, next)).toMatchObject({ written: true, why: "desired changed" });
    const there = await live(desired);
    expect(containerOf(there)?.args).toBeUndefined();
    expect((there.spec as { replicas: number }).replicas).toBe(4);
    expect(await applyIfChanged(deps, next)).toMatchObject({ written: false });
  });
});

describe("a status", () => {
  const thing = { apiVersion: "x.dev/v1", kind: "Thing", metadata: { name: "a", namespace: ns } };
  const cachedThing = () => deps.cache.get(things, ns, "a");
  const seenAs = (uid: string | undefined) => vi.waitFor(() => expect(cachedThing()?.metadata.uid).toBe(uid));
  beforeEach(async () => {
    await other.delete(things, ns, "a");
    await seenAs((await other.create(thing)).metadata.uid);
  });

  test("is written once, and loses what it does not say any more", async () => {
    const judged = cachedThing() as KubeObject;
    expect(await applyStatusIfChanged(deps, judged, { ready: true, more: 1 })).toMatchObject({ written: true });
    expect(await applyStatusIfChanged(deps, judged, { more: 1, ready: true })).toMatchObject({ written: false });
    expect((await applyStatusIfChanged(deps, judged, { ready: false })).object.status).toEqual({ ready: false });
  });

  test.each(["before", "after"])("is not written to another incarnation (seen %s the write)", async (when) => {
    const judged = cachedThing() as KubeObject;
    await other.delete(things, ns, "a");
    const { uid } = (await other.create(thing)).metadata;
    const blind = { ...deps, cache: { get: () => judged, list: () => [], observe: () => undefined } };
    if (when === "before") await seenAs(uid);
    const write = applyStatusIfChanged(when === "before" ? deps : blind, judged, { ready: true });
    await expect(write).rejects.toBeInstanceOf(ConflictError);
    expect((await other.get(things, ns, "a"))?.status).toBeUndefined();
  });
});

test("deletion by uid spares another incarnation", async () => {
  await expect(
    other.delete(kinds.configMaps, ns, "x", { uid: "00000000-0000-0000-0000-000000000000" }),
  ).rejects.toBeInstanceOf(ConflictError);
  await other.delete(kinds.configMaps, ns, "x");
  await other.delete(kinds.configMaps, ns, "x");
  expect(await other.get(kinds.configMaps, ns, "x")).toBeUndefined();
});

test("what can no longer be made in a namespace that ends has an error of its own", async () => {
  const ending = { apiVersion: "v1", kind: "Namespace", metadata: { name: "ending", finalizers: ["x.dev/held"] } };
  await other.create(ending);
  await other.delete(kinds.namespaces, undefined, "ending");
  const late = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late", namespace: "ending" } };
  await expect(other.create(late)).rejects.toBeInstanceOf(NamespaceEndingError);
  await expect(other.apply(late)).rejects.toBeInstanceOf(NamespaceEndingError);
});
