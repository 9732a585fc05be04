import { describe, expect, test } from "vitest";
import { FakeClock } from "../testing/clock.ts";
import { MemoryApiServer } from "../testing/memory-api.ts";
import type { WatchEvent } from "./api.ts";
import { apiError, TransientError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import type { KubeObject } from "./objects.ts";
import { runWatch, step, type WatchListener, type WatchSource, type WatchState } from "./watch.ts";

const object = (resourceVersion: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "ns", resourceVersion },
});
const expired = apiError({ status: 410, reason: "Expired", message: "too old" });
const broken = new TransientError("ECONNRESET");

async function* events(list: readonly WatchEvent[], end?: Error): AsyncGenerator<WatchEvent> {
  yield* list;
  if (end) throw end;
}

function source(over: Partial<WatchSource> = {}): WatchSource {
  return {
    page: () => Promise.resolve({ items: [object("3")], resourceVersion: "5" }),
    watch: () => Promise.resolve(events([])),
    ...over,
  };
}

const watching = (list: readonly WatchEvent[], end?: Error): WatchState => ({
  name: "watching",
  resourceVersion: "5",
  events: events(list, end),
});
const listed: WatchState = { name: "listed", resourceVersion: "5" };
const listing: WatchState = { name: "listing", items: [object("1")], continue: "more" };

describe("a step", () => {
  const page = (answer: WatchSource["page"]) => source({ page: answer });
  test.each([
    ["from empty, the only page", { name: "empty" } as WatchState, source(), "listed", false],
    [
      "from empty, the first page of more",
      { name: "empty" } as WatchState,
      page(() => Promise.resolve({ items: [], resourceVersion: "5", continue: "more" })),
      "listing",
      false,
    ],
    ["from empty, a failure", { name: "empty" } as WatchState, page(() => Promise.reject(broken)), "empty", true],
    ["from listing, the last page", listing, source(), "listed", false],
    ["from listing, a continue token that expired", listing, page(() => Promise.reject(expired)), "empty", true],
    ["from listed, accepted", listed, source(), "watching", false],
    [
      "from listed, a failure keeps the version",
      listed,
      source({ watch: () => Promise.reject(broken) }),
      "listed",
      true,
    ],
    ["from listed, too old", listed, source({ watch: () => Promise.reject(expired) }), "empty", true],
    ["from watching, an event", watching([{ type: "ADDED", object: object("6") }]), source(), "watching", false],
    ["from watching, the server's end", watching([]), source(), "listed", false],
    ["from watching, a broken connection", watching([], broken), source(), "listed", true],
    ["from watching, too old", watching([], expired), source(), "empty", true],
  ])("%s", async (_given, state, from, next, fails) => {
    const done = await step(state, from);
    expect(done.next.name).toBe(next);
    expect(done.error !== undefined).toBe(fails);
  });

  test("over the last page hands out all pages as one list", async () => {
    const done = await step(listing, source());
    expect(done.list?.items.map(({ metadata }) => metadata.resourceVersion)).toEqual(["1", "3"]);
  });

  test("over a bookmark moves the version from which to resume", async () => {
    const done = await step(watching([{ type: "BOOKMARK", object: object("77") }]), source());
    expect(done.next).toMatchObject({ name: "watching", resourceVersion: "77" });
  });
});

describe("a watch", () => {
  function setUp() {
    const clock = new FakeClock();
    const server = new MemoryApiServer();
    const stop = new AbortController();
    const told: string[] = [];
    const listener: WatchListener = {
      onList: (items) => told.push(`list ${items.length}`),
      onEvent: ({ type }) => told.push(type),
      onFailure: (_error, delayMs) => told.push(`failed, again in ${Math.round(delayMs)}`),
      onRecovery: () => told.push("recovered"),
    };
    const start = () =>
      runWatch(
        { api: server.client(), clock, signal: stop.signal, random: () => 1 },
        { kind: kinds.configMaps, namespace: "ns" },
        listener,
      );
    return { clock, server, stop, told, start };
  }

  test("backs off from 0.8 s to 30 s while the server is away, then recovers", async () => {
    const { clock, server, stop, told, start } = setUp();
    server.fail = () => broken;
    const done = start();
    await clock.advance(80_000);
    server.fail = () => undefined;
    await clock.advance(30_000);
    expect(told).toEqual([
      ...[800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000].map((ms) => `failed, again in ${ms}`),
      "list 0",
      "recovered",
    ]);
    stop.abort();
    await done;
    expect(clock.timers).toBe(0);
  });

  test("waits at least as long as the server asks", async () => {
    const { clock, server, stop, told, start } = setUp();
    server.fail = () => apiError({ status: 429, reason: "TooManyRequests", message: "later", retryAfterMs: 7_000 });
    const done = start();
    await clock.advance(6_999);
    expect(server.calls).toHaveLength(1);
    expect(told).toEqual(["failed, again in 7000"]);
    await clock.advance(1);
    expect(server.calls).toHaveLength(2);
    stop.abort();
    await done;
  });

  test("does not ask in a tight loop when each watch fails after a list that works", async () => {
    const { clock, server, stop, start } = setUp();
    server.fail = ({ verb }) => (verb === "watch" ? expired : undefined);
    const done = start();
    await clock.advance(60_000);
    expect(server.calls.length).toBeLessThan(20);
    stop.abort();
    await done;
  });
});
