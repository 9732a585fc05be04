import { describe, expect, test } from "vitest";
import { FakeClock } from "../testing/clock.ts";
import { MemoryApiServer } from "../testing/memory-api.ts";
import { type ReconcileDeps, type ReconcileResult, runController } from "./controller.ts";
import { apiError, ForbiddenError, TerminalError, TransientError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { silentLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { Key, KubeObject } from "./objects.ts";
import { createCache } from "./watch-cache.ts";

const thing = { apiVersion: "x.dev/v1", kind: "Thing", plural: "things" };
const primary = (name: string, more: object = {}): KubeObject => ({
  apiVersion: thing.apiVersion,
  kind: thing.kind,
  metadata: { name, namespace: "ns", generation: 1, ...more },
});
const child = (name: string, owner: string, data: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "ns", labels: { owner } },
  data,
});

async function setUp(reconcile: (key: Key, deps: ReconcileDeps) => Promise<ReconcileResult>) {
  const [clock, server, metrics] = [new FakeClock(), new MemoryApiServer(), createMetrics()];
  const [hard, soft] = [new AbortController(), new AbortController()];
  const api = server.client();
  const cache = createCache({
    api,
    clock,
    log: silentLog,
    signal: hard.signal,
    clusterWide: [{ kind: thing }],
    perNamespace: [{ kind: kinds.configMaps }],
    fieldManager: "operator",
  });
  cache.start();
  await cache.ready();
  const runs: string[] = [];
  const done = runController({
    name: "thing",
    api,
    cache,
    primary: { kind: thing },
    owned: [{ kind: kinds.configMaps, changed: (old, now) => JSON.stringify(old.data) !== JSON.stringify(now.data) }],
    ownerOf: (object) => object.metadata.labels?.owner,
    reconcile: (key, deps) => {
      runs.push(key.name);
      return reconcile(key, deps);
    },
    clock,
    log: silentLog,
    signal: hard.signal,
    stopping: soft.signal,
    metrics,
    random: () => 0.5,
  });
  const end = async () => {
    soft.abort();
    await clock.advance(0);
    await done;
    hard.abort();
    await clock.advance(0);
    expect(clock.timers).toBe(0);
  };
  /** What ran since the last look, in order. */
  const ran = async (ms = 10) => {
    await clock.advance(ms);
    return runs.splice(0);
  };
  return { clock, server, api, cache, metrics, hard, end, ran };
}

describe("a reconcile comes", () => {
  test("after a change of the spec or metadata, not of the status", async () => {
    const { server, api, ran, end } = await setUp(async () => ({}));
    await api.create(primary("a"));
    await ran();
    await api.apply(primary("a", { generation: 2 }));
    expect(await ran()).toEqual(["a"]);
    await api.apply({ ...primary("a"), status: { ready: true } }, { subresource: "status" });
    expect(await ran()).toEqual([]);
    await api.patch(thing, "ns", "a", { metadata: { annotations: { "x.dev/switchover": "now" } } }, { type: "merge" });
    expect(await ran()).toEqual(["a"]);
    expect(server.objects.size).toBe(1);
    await end();
  });

  test("after a change of what it owns, when the predicate says so, and after its deletion", async () => {
    const { api, ran, end } = await setUp(async () => ({}));
    await api.create(primary("a"));
    await api.create(primary("b"));
    await ran();
    await api.create(child("c", "b"));
    expect(await ran()).toEqual(["b"]);
    await api.patch(kinds.configMaps, "ns", "c", { metadata: { annotations: { noise: "1" } } }, { type: "merge" });
    expect(await ran()).toEqual([]);
    await api.patch(kinds.configMaps, "ns", "c", { data: { a: "1" } }, { type: "merge" });
    expect(await ran()).toEqual(["b"]);
    await api.delete(kinds.configMaps, "ns", "c");
    expect(await ran()).toEqual(["b"]);
    await end();
  });

  test("when it asked to, and by itself every ten minutes or so", async () => {
    let requeue: ReconcileResult = { requeueAfterMs: 5_000 };
    const { api, ran, end } = await setUp(async () => requeue);
    await api.create(primary("a"));
    await ran(0);
    expect(await ran(4_000)).toEqual([]);
    requeue = {};
    expect(await ran(1_000)).toEqual(["a"]);
    expect(await ran(599_000)).toEqual([]);
    expect(await ran(2_000)).toEqual(["a"]);
    await end();
  });

  test("again after a failure with backoff, but not after a terminal one", async () => {
    const failures: Error[] = [new TransientError("x"), new Error("y"), new TerminalError("no")];
    const { api, ran, metrics, end } = await setUp(async () => {
      const failure = failures.shift();
      if (failure) throw failure;
      return {};
    });
    await api.create(primary("a"));
    expect(await ran(100)).toEqual(["a", "a", "a"]);
    expect(await ran(60_000)).toEqual([]);
    const text = await metrics.text();
    expect(text).toContain('controller_runtime_reconcile_total{controller="thing",result="error"} 3');
    expect(text).toContain('controller_runtime_reconcile_errors_total{controller="thing"} 3');
    expect(text).toContain('controller_runtime_terminal_reconcile_errors_total{controller="thing"} 1');
    await api.apply(primary("a", { generation: 2 }));
    expect(await ran()).toEqual(["a"]);
    await end();
  });

  test("not before the API server wants to be asked again", async () => {
    let refused = false;
    const { api, ran, end } = await setUp(async () => {
      if (refused) return {};
      refused = true;
      throw apiError({ status: 429, reason: "TooManyRequests", message: "later", retryAfterMs: 3_000 });
    });
    await api.create(primary("a"));
    expect(await ran(2_999)).toEqual(["a"]);
    expect(await ran(1)).toEqual(["a"]);
    await end();
  });
});

describe("a namespace", () => {
  test("that RBAC refuses is told to the reconcile, and heals by itself", async () => {
    const seen: string[] = [];
    const { server, api, ran, end } = await setUp(async (key, { cache }) => {
      const state = await cache.namespaceReady(key.namespace).then(
        () => "ready",
        (error: unknown) => (error instanceof ForbiddenError ? "forbidden" : String(error)),
      );
      seen.push(state);
      return {};
    });
    server.fail = ({ kind }) =>
      kind === "ConfigMap" ? apiError({ status: 403, reason: "Forbidden", message: "no" }) : undefined;
    await api.create(primary("a"));
    await ran(10_000);
    expect(new Set(seen)).toEqual(new Set(["forbidden"]));
    server.fail = () => undefined;
    await ran(10_000);
    expect(seen.at(-1)).toBe("ready");
    await end();
  });

  test("is released after the last primary in it is gone", async () => {
    const { api, cache, ran, end } = await setUp(async () => ({}));
    await api.create(primary("a"));
    await ran();
    expect(cache.stateOf("ns").name).toBe("ready");
    await api.delete(thing, "ns", "a");
    expect(await ran()).toEqual(["a"]);
    expect(cache.stateOf("ns").name).toBe("unwatched");
    expect(() => cache.list(kinds.configMaps, "ns")).toThrow("not watched");
    await end();
  });
});

test("work whose lease is lost is ended, makes no request and is not tried again", async () => {
  let refusal: unknown;
  const { clock, api, hard, ran } = await setUp(async (_key, deps) => {
    await clock.sleep(60_000, deps.signal).catch(() => undefined);
    refusal = await deps.api.get(thing, "ns", "a").catch((error: unknown) => error);
    throw refusal;
  });
  await api.create(primary("a"));
  expect(await ran()).toEqual(["a"]);
  hard.abort(new Error("lost"));
  expect(await ran(60_000)).toEqual([]);
  expect(refusal).toEqual(new Error("lost"));
});
