import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startApiServer, type TestApiServer } from "../testing/apiserver.ts";
import { type Fault, FaultyProxy } from "../testing/proxy.ts";
import type { KubeApi } from "./api.ts";
import type { Cache } from "./cache.ts";
import { systemClock } from "./clock.ts";
import { connect } from "./connect.ts";
import { runController } from "./controller.ts";
import { ForbiddenError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { silentLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { formatKey, type KubeObject, keyOf } from "./objects.ts";
import { createCache } from "./watch-cache.ts";

let server: TestApiServer;
let admin: KubeApi;
const cleanUp: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startApiServer();
  admin = await server.admin();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

/** Impatient, so that a fault costs a test milliseconds. */
const timing = {
  failure: { minMs: 20, maxMs: 200 },
  forbidden: { minMs: 50, maxMs: 200 },
  answerMs: 400,
  watchSeconds: { min: 1, max: 1 },
  endGraceMs: 200,
};

const ours = { kind: kinds.configMaps, labelSelector: "ours=yes" };
let namespaces = 0;

async function setUp(token = server.adminToken, scope: "namespace" | "cluster" = "namespace") {
  const proxy = await FaultyProxy.start(server);
  const metrics = createMetrics();
  const api = await connect({ credentials: proxy.credentials(token), fieldManager: "operator", metrics });
  const stop = new AbortController();
  const ns = `cache-${namespaces++}`;
  await admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: ns } });
  const cache = createCache({
    api,
    clock: systemClock,
    log: silentLog,
    metrics,
    signal: stop.signal,
    clusterWide: scope === "cluster" ? [{ ...ours, fieldSelector: `metadata.namespace=${ns}` }] : [],
    perNamespace: scope === "namespace" ? [ours] : [],
    fieldManager: "operator",
    timing,
  });
  cleanUp.push(
    () => proxy.stop(),
    () => stop.abort(),
  );
  return { proxy, api, metrics, cache, stop, ns };
}

const configMap = (ns: string, name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: ns, labels: { ours: "yes" } },
  data,
});

const show = (objects: readonly KubeObject[]) =>
  objects.map(({ metadata, data }) => `${metadata.name}@${metadata.resourceVersion} ${JSON.stringify(data)}`).sort();

const onServer = async (ns: string) => show(await admin.list(kinds.configMaps, ns, { labelSelector: "ours=yes" }));
const inCache = (cache: Cache, ns: string) => show(cache.list(kinds.configMaps, ns));

/** What somebody who only listens to events believes. A missed deletion would stay in it for ever. */
function mirror(cache: Cache): Map<string, KubeObject> {
  const believed = new Map<string, KubeObject>();
  cache.onEvent(({ type, object }) => {
    const key = formatKey(keyOf(object));
    if (type === "added" && believed.has(key)) throw new Error(`${key} was added twice`);
    if (type !== "added" && !believed.has(key)) throw new Error(`${key} was ${type} and is not known`);
    if (type === "deleted") believed.delete(key);
    else believed.set(key, object);
  });
  return believed;
}

/** Numbers from a seed, so that a failure can be run again. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

describe("through a bad network", () => {
  test.each([1, 2, 3])("the cache and every reconcile end at the final state (seed %i)", async (seed) => {
    const { proxy, api, metrics, cache, ns, stop } = await setUp(server.adminToken, "cluster");
    const random = numbers(seed * 7919);
    const believed = mirror(cache);
    cache.start();
    await cache.ready();

    const working = new Set<string>();
    /** What the last reconcile of each key saw. */
    const reconciled = new Map<string, string | undefined>();
    const soft = new AbortController();
    const controller = runController({
      name: "storm",
      api,
      cache,
      primary: { kind: kinds.configMaps, changed: () => true },
      owned: [],
      ownerOf: () => undefined,
      reconcile: async (key) => {
        if (working.has(key.name)) throw new Error(`${key.name} is worked twice at once`);
        working.add(key.name);
        const seen = cache.get(kinds.configMaps, ns, key.name);
        await systemClock.sleep(random() * 20);
        working.delete(key.name);
        reconciled.set(key.name, seen?.metadata.resourceVersion);
        if (random() < 0.1) throw new Error("a reconcile fails now and then");
        return {};
      },
      concurrency: 4,
      clock: systemClock,
      log: silentLog,
      signal: stop.signal,
      stopping: soft.signal,
      metrics,
    });

    const faults: Fault[] = [
      { kind: "status", code: 410, reason: "Expired" },
      { kind: "status", code: 409, reason: "Conflict" },
      { kind: "status", code: 429, reason: "TooManyRequests", retryAfterSeconds: 0 },
      { kind: "status", code: 500, reason: "InternalError" },
      { kind: "cut" },
      { kind: "stall" },
      { kind: "swallow" },
    ];
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
    proxy.fault = () => (random() < 0.3 ? pick(faults) : undefined);
    const storms = [
      () => proxy.cutAll(),
      () => proxy.failWatches(410, "Expired"),
      () => proxy.failWatches(500, "InternalError"),
      () => proxy.halfOpenWatches(),
      () => undefined,
    ];
    for (let round = 0; round < 60; round++) {
      const name = `c${Math.floor(random() * 12)}`;
      const roll = random();
      if (roll < 0.35) await admin.delete(kinds.configMaps, ns, name);
      else if (roll < 0.9) await admin.apply(configMap(ns, name, { round: String(round) }));
      // Out of the selector: to this cache a deletion, though the object lives.
      else await admin.apply({ ...configMap(ns, name, {}), metadata: { name, namespace: ns } });
      if (random() < 0.3) pick(storms)();
      await systemClock.sleep(random() * 60);
    }
    proxy.fault = () => undefined;

    const wanted = await onServer(ns);
    await expect.poll(() => inCache(cache, ns), { timeout: 10_000 }).toEqual(wanted);
    expect(show([...believed.values()])).toEqual(wanted);
    const versions = () =>
      cache
        .list(kinds.configMaps, ns)
        .filter((one) => reconciled.get(one.metadata.name) !== one.metadata.resourceVersion);
    await expect.poll(versions, { timeout: 10_000 }).toEqual([]);
    soft.abort();
    await controller;
  });

  test("objects that were deleted while nobody could see it are reported as deleted after the relist", async () => {
    const { proxy, cache, ns, metrics } = await setUp();
    const believed = mirror(cache);
    for (const name of ["a", "b", "c"]) await admin.create(configMap(ns, name, {}));
    await cache.namespaceReady(ns);
    expect(believed.size).toBe(3);
    proxy.stall();
    await admin.delete(kinds.configMaps, ns, "b");
    await admin.create(configMap(ns, "d", {}));
    // Too long away: the API server has forgotten what happened since, until there is a new list.
    let listed = false;
    proxy.fault = ({ isWatch }) => {
      listed ||= !isWatch;
      return listed ? undefined : { kind: "status", code: 410, reason: "Expired" };
    };
    proxy.resume();
    await expect.poll(() => [...believed.keys()].sort(), { timeout: 5_000 }).toEqual([`${ns}/a`, `${ns}/c`, `${ns}/d`]);
    expect(await metrics.text()).toContain('watch_cache_relists_total{kind="ConfigMap"} 2');
  });

  test("a connection that is dead without a word is noticed, and the watch resumes without a new list", async () => {
    const { proxy, cache, ns, metrics } = await setUp();
    await cache.namespaceReady(ns);
    await expect.poll(() => proxy.openWatches).toBe(1);
    proxy.halfOpenWatches();
    await admin.create(configMap(ns, "a", {}));
    await expect.poll(() => cache.get(kinds.configMaps, ns, "a"), { timeout: 3_000 }).toBeDefined();
    expect(await metrics.text()).toContain('watch_cache_relists_total{kind="ConfigMap"} 1');
  });

  test("429 is honoured: nothing is asked again before the time is over", async () => {
    const { proxy, cache, ns } = await setUp();
    let refusals = 0;
    proxy.fault = () =>
      refusals++ === 0 ? { kind: "status", code: 429, reason: "TooManyRequests", retryAfterSeconds: 1 } : undefined;
    await cache.namespaceReady(ns);
    const [first, second] = proxy.seen;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(995);
  });
});

test("an own write is read at once, whatever the watch does", async () => {
  const { proxy, api, cache, ns } = await setUp();
  await cache.namespaceReady(ns);
  proxy.halfOpenWatches();
  for (let i = 0; i < 10; i++) {
    cache.observe(await api.apply(configMap(ns, "a", { i: String(i) })));
    expect(cache.get(kinds.configMaps, ns, "a")?.data).toEqual({ i: String(i) });
  }
});

describe("a namespace that RBAC refuses", () => {
  const role: KubeObject = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "operator" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] }],
  };
  const binding: KubeObject = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "operator" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "operator" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "operator" }],
  };

  test("is told as ForbiddenError, heals when the RoleBinding appears, and falls back when it goes", async () => {
    const { proxy, cache, ns } = await setUp(server.operatorToken);
    await admin.create(configMap(ns, "a", {}));
    await expect(cache.namespaceReady(ns)).rejects.toThrow(ForbiddenError);
    await expect(cache.namespaceReady(ns)).rejects.toThrow(`cannot list resource "configmaps"`);

    for (const object of [role, binding])
      await admin.apply({ ...object, metadata: { ...object.metadata, namespace: ns } });
    await expect.poll(() => cache.stateOf(ns).name, { timeout: 5_000 }).toBe("ready");
    expect(cache.list(kinds.configMaps, ns)).toHaveLength(1);

    await admin.delete(kinds.roleBindings, ns, "operator");
    const stateNow = () => {
      proxy.cutAll(); // RBAC is asked when a watch begins; an open one goes on.
      return cache.stateOf(ns).name;
    };
    await expect.poll(stateNow, { timeout: 5_000 }).toBe("forbidden");
  });

  test("is left alone once released", async () => {
    const { proxy, cache, ns } = await setUp();
    await cache.namespaceReady(ns);
    await expect.poll(() => proxy.openWatches).toBe(1);
    cache.release(ns);
    await expect.poll(() => proxy.openWatches).toBe(0);
    const asked = proxy.seen.length;
    await systemClock.sleep(300);
    expect(proxy.seen.length).toBe(asked);
    expect(cache.stateOf(ns).name).toBe("unwatched");
  });
});
