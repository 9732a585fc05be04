import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startApiServer, type TestApiServer } from "../testing/apiserver.ts";
import { FaultyProxy, type SeenRequest } from "../testing/proxy.ts";
import { systemClock } from "./clock.ts";
import { connect } from "./connect.ts";
import { runController } from "./controller.ts";
import { kinds } from "./kinds.ts";
import { type Leadership, runLeaderElected } from "./lease.ts";
import { silentLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createCache } from "./watch-cache.ts";

let server: TestApiServer;
const cleanUp: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

/** A fifth of the real times; their proportions are what matters. */
const times = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 400 };
let leases = 0;

/** A replica behind a network of its own; while it leads it asks for its ConfigMap every 10 ms. */
async function replica(lease: string, identity: string, onLead?: (leadership: Leadership) => Promise<void>) {
  const proxy = await FaultyProxy.start(server);
  const api = await connect({ credentials: proxy.credentials(server.adminToken), fieldManager: "operator" });
  const stop = new AbortController();
  let leads = false;
  const work = async (leadership: Leadership) => {
    leads = true;
    const end = AbortSignal.any([leadership.signal, leadership.stopping]);
    while (!end.aborted) {
      // Not awaited: one that is stalled must not keep the others from being tried.
      leadership.api.get(kinds.configMaps, "default", identity).catch(() => undefined);
      await systemClock.sleep(10, end).catch(() => undefined);
    }
    leads = false;
  };
  const done = runLeaderElected({
    api,
    lease: { namespace: "default", name: lease, identity, ...times },
    clock: systemClock,
    log: silentLog,
    signal: stop.signal,
    onLead: onLead ?? work,
  });
  const end = async () => {
    stop.abort();
    await done;
  };
  cleanUp.push(async () => {
    proxy.resume();
    await end();
    await proxy.stop();
  });
  const isWork = ({ path }: SeenRequest) => path.includes("configmaps");
  const isRenewal = ({ method, path }: SeenRequest) => method !== "GET" && path.includes("leases");
  return {
    proxy,
    end,
    leads: () => leads,
    work: () => proxy.seen.filter(isWork),
    /** When the proxy saw its first work: a leader needs a moment between leading and asking. */
    firstWork: async () => {
      await expect.poll(() => proxy.seen.some(isWork), { timeout: 5_000 }).toBe(true);
      return proxy.seen.find(isWork)?.at ?? 0;
    },
    renewals: () => proxy.seen.filter(isRenewal),
  };
}

async function pair() {
  const lease = `lease-${leases++}`;
  const a = await replica(lease, "a");
  await expect.poll(a.leads, { timeout: 5_000 }).toBe(true);
  const b = await replica(lease, "b");
  return { a, b };
}

describe("of two replicas", () => {
  test("exactly one leads; when it stops, the other one follows within a retry", async () => {
    const { a, b } = await pair();
    await systemClock.sleep(4_000);
    expect([a.leads(), b.leads()]).toEqual([true, false]);
    const stoppedAt = performance.now();
    await a.end();
    await expect.poll(b.leads, { timeout: 5_000 }).toBe(true);
    expect(performance.now() - stoppedAt).toBeLessThan(times.durationMs); // It did not have to run out.
    const firstWork = await b.firstWork();
    expect(a.work().at(-1)?.at).toBeLessThan(firstWork);
  });

  test.each(["stalled", "cut off"])(
    "one that is %s starts no request after its deadline, and none once the other works",
    async (how) => {
      const { a, b } = await pair();
      if (how === "stalled") a.proxy.stall();
      else a.proxy.fault = () => ({ kind: "cut" });
      const brokenAt = performance.now();
      await expect.poll(b.leads, { timeout: 10_000 }).toBe(true);
      const tookOverAt = performance.now();
      const firstWork = await b.firstWork();

      // The deadline counts from the last renewal that was answered, which was before the fault.
      const lastAnswered = a.renewals().findLast(({ at }) => at < brokenAt)?.at ?? 0;
      const lastWork = a.work().at(-1)?.at ?? 0;
      const slackMs = 250; // From the client's check to the proxy's look at its clock, on a busy machine.
      expect(lastWork).toBeLessThanOrEqual(lastAnswered + times.renewDeadlineMs + slackMs);
      expect(lastWork).toBeGreaterThan(brokenAt); // It did try meanwhile, or this would prove nothing.
      expect(firstWork).toBeGreaterThan(lastWork);
      expect(tookOverAt - brokenAt).toBeLessThan(times.durationMs + 2_000);
      expect(a.leads()).toBe(false);
    },
  );
});

test("an idle leader writes nothing but its lease", async () => {
  const metrics = createMetrics();
  const admin = await server.admin();
  for (const name of ["one", "two"])
    await admin.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });
  const reconciles: string[] = [];
  const { proxy } = await replica(`lease-${leases++}`, "a", async ({ api, signal, stopping }) => {
    const cache = createCache({
      api,
      clock: systemClock,
      log: silentLog,
      signal,
      clusterWide: [{ kind: kinds.configMaps }],
      perNamespace: [{ kind: kinds.secrets }],
      fieldManager: "operator",
    });
    cache.start();
    await cache.ready();
    await runController({
      name: "idle",
      api,
      cache,
      primary: { kind: kinds.configMaps },
      owned: [{ kind: kinds.secrets }],
      ownerOf: () => undefined,
      reconcile: async (key) => {
        await cache.namespaceReady(key.namespace);
        reconciles.push(key.name);
        return {};
      },
      clock: systemClock,
      log: silentLog,
      signal,
      stopping,
      metrics,
    });
  });
  await expect.poll(() => reconciles.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(2);
  await systemClock.sleep(500);
  proxy.seen.length = 0;
  await systemClock.sleep(4_000);
  expect(
    new Set(proxy.seen.map(({ method, path }) => `${method} ${path.split("?")[0]?.replace(/lease-\d+/, "NAME")}`)),
  ).toEqual(new Set(["PUT /apis/coordination.k8s.io/v1/namespaces/default/leases/NAME"]));
  expect(proxy.seen.length).toBeGreaterThan(5);
});
