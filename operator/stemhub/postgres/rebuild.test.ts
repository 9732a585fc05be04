import { describe, expect, test } from "vitest";
import type { RebuildStatus } from "../../api/stemhub.ts";
import { aMember, aTopology } from "../../testing/topology.ts";
import {
  brokenMs,
  decideRebuild,
  isGivenUp,
  mostRebuilds,
  outOfSyncSince,
  type RebuildFacts,
  rebuildWindowMs,
  restartMs,
  stuckMs,
  walRemovedMs,
} from "./rebuild.ts";
import type { Member, Topology } from "./topology.ts";

const begin = Date.parse("2026-03-01T10:00:00Z");

/** studio-db-2 has been out of sync since `begin`; what the test says is laid over it. */
function given(member: Partial<Member>, afterMs: number, facts: Partial<RebuildFacts> = {}, topology?: Topology) {
  const members = [aMember(0), aMember(1), aMember(2, { inSync: false, ready: false, streaming: false, ...member })];
  return decideRebuild({
    topology: topology ?? aTopology({ members }),
    instances: 3,
    outOfSync: [{ member: "studio-db-2", since: new Date(begin).toISOString() }],
    rebuilds: [],
    receives: () => undefined,
    walRemoved: () => false,
    hindered: () => false,
    now: begin + afterMs,
    ...facts,
  });
}

const rebuilt = (atMs: number): RebuildStatus => ({
  member: "studio-db-2",
  at: new Date(atMs).toISOString(),
  reason: "its PostgreSQL has not started for 60 s",
});

describe("a replica is rebuilt", () => {
  test.each<[string, Partial<Member>, number]>([
    ["when its PostgreSQL does not start", { state: "start failed" }, brokenMs],
    ["when Kubernetes says that its volume is lost", { volumeLost: true }, brokenMs],
    ["when it runs and receives no WAL, though it was restarted", { ready: true, createdMs: begin }, stuckMs],
    ["when it is not ready and says nothing", { state: undefined }, stuckMs],
    ["when it was stopped and does not come back", { state: "stopped" }, stuckMs],
  ])("%s, and not a moment before its time", (_, member, patienceMs) => {
    expect(given(member, patienceMs - 1)).toMatchObject({ step: "wait" });
    const decision = given(member, patienceMs);
    expect(decision).toMatchObject({ step: "rebuild", member: { pod: "studio-db-2", uid: "uid-studio-db-2" } });
    expect(decision.step === "rebuild" && decision.report.reason).toContain(`for ${patienceMs / 1_000} s`);
  });
});

test("a replica that runs and receives no WAL is restarted before its copy is given up", () => {
  expect(given({ ready: true, createdMs: begin - 1 }, restartMs - 1)).toMatchObject({ step: "wait" });
  const decision = given({ ready: true, createdMs: begin - 1 }, restartMs);
  expect(decision).toMatchObject({ step: "restart", member: { pod: "studio-db-2", uid: "uid-studio-db-2" } });
});

test("a replica whose receiver hangs says that it streams, and the primary knows better", () => {
  const member = { ready: true, streaming: true, createdMs: begin - 1 };
  expect(given(member, restartMs, { receives: () => true })).toMatchObject({ step: "wait" });
  expect(given(member, restartMs, { receives: () => false })).toMatchObject({ step: "restart" });
});

test("a replica whose WAL the primary has removed is rebuilt at once, also when none else is in sync", () => {
  const members = [aMember(0), aMember(1, { inSync: false }), aMember(2, { inSync: false, streaming: false })];
  const walRemoved = (pod: string) => pod === "studio-db-2";
  const topology = aTopology({ members });
  expect(given({}, walRemovedMs - 1, { walRemoved }, topology)).toMatchObject({ step: "wait" });
  expect(given({}, walRemovedMs, { walRemoved }, topology)).toMatchObject({ step: "rebuild" });
});

describe("a replica is let alone", () => {
  const late = stuckMs * 100;
  test.each<[string, Partial<Member>, Partial<RebuildFacts>]>([
    ["while it copies the primary", { state: "creating replica" }, {}],
    ["while it recovers", { state: "starting" }, {}],
    ["while it streams and is behind", { ready: true, streaming: true }, {}],
    ["when its node is lost, or no image is there", { state: "start failed" }, { hindered: () => true }],
    ["when its pod is new", { state: "start failed", createdMs: begin + late - 1_000 }, {}],
    [
      "when it was rebuilt just now, and its former pod is still seen",
      { state: "start failed" },
      { rebuilds: [rebuilt(begin + late - 1_000)] },
    ],
    ["while a pod ends", { state: "start failed", ending: true }, {}],
  ])("%s", (_, member, facts) => {
    expect(given(member, late, facts)).toMatchObject({ step: "wait" });
  });

  test("when nobody is primary", () => {
    const members = [aMember(0, { role: "replica" }), aMember(1), aMember(2, { inSync: false, state: "start failed" })];
    expect(given({}, late, {}, aTopology({ primary: undefined, members }))).toMatchObject({ step: "wait" });
  });

  test("when no other replica streams either: the cause may be the primary's", () => {
    const stuck = aMember(2, { inSync: false, streaming: false, createdMs: begin });
    const members = [aMember(0), aMember(1, { inSync: false }), stuck];
    expect(given({}, late, {}, aTopology({ members }))).toMatchObject({ step: "wait" });
  });

  test("when all are in sync, nothing is looked at again", () => {
    expect(given({}, late, { outOfSync: [] }, aTopology())).toEqual({ step: "none" });
  });
});

test("with no other replica in sync, one whose own copy is broken is rebuilt all the same", () => {
  const members = [
    aMember(0),
    aMember(1, { inSync: false }),
    aMember(2, { inSync: false, ready: false, streaming: false, state: "start failed" }),
  ];
  expect(given({}, brokenMs, {}, aTopology({ members }))).toMatchObject({ step: "rebuild" });
});

test("the primary is never rebuilt", () => {
  const members = [aMember(0, { inSync: false, state: "start failed" }), aMember(1), aMember(2)];
  const outOfSync = [{ member: "studio-db-0", since: new Date(begin).toISOString() }];
  expect(given({}, stuckMs, { outOfSync }, aTopology({ members }))).toMatchObject({ step: "wait" });
});

test("a member is rebuilt so often and no more, until the window has passed", () => {
  const now = begin + stuckMs;
  const rebuilds = Array.from({ length: mostRebuilds }, (_, i) => rebuilt(now - rebuildWindowMs + 1 + i));
  expect(given({ state: "start failed" }, stuckMs, { rebuilds: rebuilds.slice(1) })).toMatchObject({ step: "rebuild" });
  expect(given({ state: "start failed" }, stuckMs, { rebuilds })).toMatchObject({ step: "wait" });
  expect(isGivenUp("studio-db-2", rebuilds, now)).toBe(true);
  expect(isGivenUp("studio-db-1", rebuilds, now)).toBe(false);
  expect(isGivenUp("studio-db-2", rebuilds, now + 2)).toBe(false);
});

describe("since when a member is out of sync", () => {
  const topology = aTopology({ members: [aMember(0), aMember(1, { inSync: false }), aMember(2, { inSync: false })] });
  const before = [
    { member: "studio-db-1", since: "2026-03-01T09:00:00.000Z" },
    { member: "studio-db-0", since: "x" },
  ];

  test("is kept from the first look on, and forgotten when it is in sync", () => {
    expect(outOfSyncSince(topology, 3, before, begin)).toEqual([
      before[0],
      { member: "studio-db-2", since: "2026-03-01T10:00:00.000Z" },
    ]);
  });

  test("a member that is to leave is not counted", () => {
    expect(outOfSyncSince(topology, 1, [], begin)).toEqual([]);
  });
});
