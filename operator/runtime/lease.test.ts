import { describe, expect, test } from "vitest";
import { FakeClock } from "../testing/clock.ts";
import { MemoryApiServer } from "../testing/memory-api.ts";
import { LeaseLostError, TransientError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { type Leadership, runLeaderElected } from "./lease.ts";
import { silentLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";

/** A replica that contends, works once a second while it leads, and writes down what happened to it. */
function replica(
  server: MemoryApiServer,
  clock: FakeClock,
  identity: string,
  onLead?: (l: Leadership) => Promise<void>,
) {
  const stop = new AbortController();
  const metrics = createMetrics();
  const terms: { from: number; to?: number; reason?: unknown }[] = [];
  let refused = 0;
  const work = async ({ api, signal, stopping }: Leadership) => {
    const term: (typeof terms)[number] = { from: clock.monotonic() };
    terms.push(term);
    const end = AbortSignal.any([signal, stopping]);
    while (!end.aborted) {
      await api.get(kinds.configMaps, "ns", identity).catch(() => {
        refused += 1;
      });
      await clock.sleep(1_000, end).catch(() => undefined);
    }
    term.to = clock.monotonic();
    term.reason = signal.reason;
  };
  const done = runLeaderElected({
    api: server.client(),
    lease: { namespace: "ns", name: "lease", identity },
    clock,
    log: silentLog,
    metrics,
    signal: stop.signal,
    random: () => 0,
    onLead: onLead ?? work,
  });
  return { stop, done, terms, metrics, refused: () => refused };
}

const leaseIn = (server: MemoryApiServer) =>
  [...server.objects.values()].find(({ kind }) => kind === "Lease")?.spec as Record<string, unknown>;

describe("a leader that makes room", () => {
  /** Leads until it is told to stop; the first time, it makes room after 5 s. */
  const restless = () => {
    const terms: number[] = [];
    const onLead = async ({ stopping, signal, resign }: Leadership, clock: FakeClock) => {
      terms.push(clock.monotonic());
      const end = AbortSignal.any([signal, stopping]);
      if (terms.length === 1) clock.setTimer(5_000, resign);
      await clock.sleep(1e9, end).catch(() => undefined);
    };
    return { terms, onLead };
  };

  test("is followed by another at once, and does not come back while that one leads", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const { terms, onLead } = restless();
    const a = replica(server, clock, "a", (leadership) => onLead(leadership, clock));
    await clock.advance(100);
    const b = replica(server, clock, "b");
    await clock.advance(120_000);
    expect(terms).toHaveLength(1);
    expect(b.terms).toHaveLength(1);
    expect(b.terms[0]?.from).toBeLessThan(5_000 + 2_100);
    a.stop.abort();
    b.stop.abort();
    await clock.advance(10_000);
    await Promise.all([a.done, b.done]);
  });

  test("comes back after ten seconds where there is no other", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const { terms, onLead } = restless();
    const a = replica(server, clock, "a", (leadership) => onLead(leadership, clock));
    await clock.advance(60_000);
    expect(terms).toHaveLength(2);
    expect((terms[1] ?? 0) - (terms[0] ?? 0)).toBeGreaterThanOrEqual(15_000);
    a.stop.abort();
    await clock.advance(10_000);
    await a.done;
  });

  test("can be stopped while it waits", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const { onLead } = restless();
    const a = replica(server, clock, "a", (leadership) => onLead(leadership, clock));
    await clock.advance(7_000);
    a.stop.abort();
    await a.done;
  });
});

describe("the lease", () => {
  test("is taken by one of two replicas, and by the other one at once when it is given back", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a");
    const b = replica(server, clock, "b");
    await clock.advance(60_000);
    expect([a.terms.length, b.terms.length]).toEqual([1, 0]);
    expect(await a.metrics.text()).toContain('leader_election_master_status{name="lease"} 1');

    a.stop.abort();
    await clock.advance(2_100);
    await a.done;
    expect(b.terms).toHaveLength(1);
    expect(leaseIn(server)).toMatchObject({ holderIdentity: "b", leaseTransitions: 1, leaseDurationSeconds: 15 });
    expect(await a.metrics.text()).toContain('leader_election_master_status{name="lease"} 0');
    b.stop.abort();
    await clock.advance(0);
    await b.done;
    expect(clock.timers).toBe(0);
  });

  test("of a holder that died is taken after 15 s of its silence, whatever its clock said", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    await server.client().create({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "lease", namespace: "ns" },
      spec: { holderIdentity: "dead", leaseDurationSeconds: 15, renewTime: "2031-01-01T00:00:00.000000Z" },
    });
    const b = replica(server, clock, "b");
    await clock.advance(14_900);
    expect(b.terms).toEqual([]);
    await clock.advance(2_000);
    expect(b.terms).toHaveLength(1);
    b.stop.abort();
    await clock.advance(0);
    await b.done;
  });

  test("is kept over a write whose answer was lost", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a");
    await clock.advance(3_000);
    const api = server.client();
    const found = await api.get(kinds.leases, "ns", "lease");
    await api.replace({
      ...(found as NonNullable<typeof found>),
      metadata: { ...found?.metadata, name: "lease", labels: { by: "x" } },
    });
    await clock.advance(30_000);
    expect(a.terms).toHaveLength(1);
    expect(a.terms[0]?.to).toBeUndefined();
    a.stop.abort();
    await clock.advance(0);
    await a.done;
  });

  test("held by us, by a write whose answer was lost, is taken without a wait", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const api = server.client();
    const metadata = { name: "lease", namespace: "ns" };
    await api.create({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata,
      spec: { holderIdentity: "a", leaseDurationSeconds: 15 },
    });
    const a = replica(server, clock, "a");
    await clock.advance(0);
    expect(a.terms).toHaveLength(1);
    a.stop.abort();
    await clock.advance(0);
    await a.done;
  });
});

describe("no request of the work starts", () => {
  test("10 s after the last renewal that worked", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a");
    await clock.advance(4_500); // The last renewal was at 4 s.
    server.fail = ({ kind }) => (kind === "Lease" ? new TransientError("cut") : undefined);
    await clock.advance(60_000);
    expect(a.terms[0]?.to).toBe(14_000);
    expect(server.calls.filter(({ kind }) => kind === "ConfigMap")).toHaveLength(14);
    a.stop.abort();
    await clock.advance(0);
    await a.done;
  });

  test("in a process that was frozen, before its timers have run", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    let lead: Leadership | undefined;
    const a = replica(server, clock, "a", async (leadership) => {
      lead = leadership;
      await clock.sleep(3_600_000, leadership.signal);
    });
    await clock.advance(100);
    server.calls.length = 0;
    clock.freeze(20_000);
    await expect(lead?.api.get(kinds.configMaps, "ns", "x")).rejects.toBeInstanceOf(LeaseLostError);
    expect(server.calls.filter(({ kind }) => kind === "ConfigMap")).toEqual([]);
    expect(lead?.signal.aborted).toBe(true);
    a.stop.abort();
    await clock.advance(0);
    await a.done;
  });

  test("when a renewal is never answered", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a");
    await clock.advance(100);
    server.delay = ({ kind }) => (kind === "Lease" ? new Promise(() => undefined) : undefined);
    await clock.advance(30_000);
    expect(a.terms[0]?.to).toBe(10_000);
  });

  test("when another has taken the lease", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a");
    await clock.advance(1_000);
    const api = server.client();
    const found = await api.get(kinds.leases, "ns", "lease");
    await api.replace({
      ...(found as NonNullable<typeof found>),
      spec: { ...(found?.spec as object), holderIdentity: "thief" },
    });
    await clock.advance(1_500);
    expect(a.terms[0]?.reason).toMatchObject({ message: "the lease is held by thief" });
    a.stop.abort();
    await clock.advance(0);
    await a.done;
  });
});

describe("the end of the work", () => {
  test("by itself gives the lease back", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a", () => Promise.reject(new Error("broken")));
    await expect(a.done).rejects.toThrow("broken");
    expect(leaseIn(server)).toMatchObject({ holderIdentity: "" });
    expect(clock.timers).toBe(0);
  });

  test("is asked for first, the lease is renewed meanwhile, and given back last", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a", async ({ stopping, signal }) => {
      await clock.sleep(3_600_000, stopping).catch(() => undefined);
      await clock.sleep(25_000, signal);
    });
    await clock.advance(1_000);
    a.stop.abort();
    await clock.advance(24_000);
    expect(leaseIn(server)).toMatchObject({ holderIdentity: "a" });
    await clock.advance(1_000);
    await a.done;
    expect(leaseIn(server)).toMatchObject({ holderIdentity: "" });
  });

  test("that does not come, after the lease was lost, is fatal", async () => {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    const a = replica(server, clock, "a", () => new Promise(() => undefined));
    const outcome = expect(a.done).rejects.toThrow("work goes on after its lease was lost");
    await clock.advance(100);
    server.fail = () => new TransientError("cut");
    await clock.advance(25_000);
    await outcome;
  });
});

test("whatever fails and freezes, no two replicas work at once", async () => {
  // A small deterministic storm: each replica's calls fail for a while now and then.
  for (let seed = 1; seed <= 8; seed++) {
    const [clock, server] = [new FakeClock(), new MemoryApiServer()];
    let state = seed;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    let downUntil = 0;
    server.fail = ({ kind }) =>
      kind === "Lease" && clock.monotonic() < downUntil ? new TransientError("cut") : undefined;
    const replicas = ["a", "b", "c"].map((name) => replica(server, clock, name));
    for (let round = 0; round < 30; round++) {
      if (random() < 0.3) downUntil = clock.monotonic() + random() * 20_000;
      await clock.advance(1_000 + random() * 5_000);
      const leading = replicas.flatMap(({ terms }) => terms).filter(({ to }) => to === undefined);
      expect(leading.length).toBeLessThanOrEqual(1);
    }
    const terms = replicas.flatMap(({ terms }) => terms).sort((x, y) => x.from - y.from);
    for (let i = 1; i < terms.length; i++)
      expect(terms[i - 1]?.to ?? Infinity).toBeLessThanOrEqual(terms[i]?.from ?? 0);
    for (const one of replicas) one.stop.abort();
    await clock.advance(30_000);
    await Promise.all(replicas.map(({ done }) => done));
  }
});
