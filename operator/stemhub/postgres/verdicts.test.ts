import { describe, expect, test } from "vitest";
import { aMember, aTopology } from "../../testing/topology.ts";
import type { Writes } from "./probe/findings.ts";
import type { Topology } from "./topology.ts";
import { type AvailabilityFacts, databaseAvailable, databaseRedundant, databaseSummary } from "./verdicts.ts";

const three = aTopology().members;
const facts = (topology: Partial<Topology>, more: { instances?: number; podTrouble?: string } = {}) => ({
  topology: aTopology(topology),
  instances: more.instances ?? 3,
  podTrouble: more.podTrouble,
  name: "studio-db",
});

const asked = (more: Partial<AvailabilityFacts>): AvailabilityFacts => ({
  reason: undefined,
  writes: undefined,
  volumeFull: undefined,
  ...more,
});

describe("DatabaseAvailable", () => {
  test.each([
    ["a ready primary", facts({}), "True", "PrimaryReady"],
    ["a ready primary, though another pod is in trouble", facts({}, { podTrouble: "x" }), "True", "PrimaryReady"],
    ["a first start", facts({ primary: undefined, members: [], initialized: false }), "False", "Starting"],
    ["a pod that cannot start", facts({ primary: undefined }, { podTrouble: "x" }), "False", "PodNotStarting"],
    ["replicas without a primary", facts({ primary: undefined }), "False", "NoPrimary"],
    [
      "no ready member",
      facts({ primary: undefined, members: three.map((m) => ({ ...m, ready: false })) }),
      "False",
      "NoMemberReady",
    ],
  ])("given %s", (_, given, status, reason) => {
    expect(databaseAvailable(given, asked({ reason: "PrimaryReady" }))).toMatchObject({ status, reason });
  });

  test("given a database that was never available, then its first seconds are a start and no trouble", () => {
    expect(databaseAvailable(facts({ primary: undefined }), asked({ reason: "Starting" })).reason).toBe("Starting");
    expect(databaseAvailable(facts({ primary: undefined }), asked({})).reason).toBe("NoPrimary");
  });
});

describe("DatabaseAvailable, of a primary that Patroni and kubelet call well", () => {
  const alone = { members: [aMember(0), aMember(1, { inSync: false }), aMember(2, { inSync: false })] };
  const silent = (reads: boolean): Writes => ({
    state: "unanswered",
    sinceMs: Date.parse("2026-03-01T10:00:00Z"),
    reads,
  });
  test.each<[string, Partial<Topology>, Partial<AvailabilityFacts>, string, string]>([
    ["that answers writes", {}, { writes: { state: "answered" } }, "True", "PrimaryReady"],
    ["that the operator cannot ask", {}, { writes: { state: "unknown", why: "x" } }, "True", "PrimaryReady"],
    ["that answers nothing", {}, { writes: silent(false) }, "False", "NotAnswering"],
    ["that answers reads alone", {}, { writes: silent(true) }, "False", "WritesNotAnswered"],
    ["that answers reads alone, without a replica in sync", alone, { writes: silent(true) }, "False", "NoStandby"],
    ["that hangs, without a replica in sync", alone, { writes: silent(false) }, "False", "NotAnswering"],
    ["whose volume is full", {}, { volumeFull: "full", writes: { state: "answered" } }, "False", "VolumeFull"],
  ])("%s", (_, topology, more, status, reason) => {
    expect(databaseAvailable(facts(topology), asked(more))).toMatchObject({ status, reason });
  });

  test("then the message says since when, in words that stay the same", () => {
    expect(databaseAvailable(facts({}), asked({ writes: silent(false) })).message).toContain("2026-03-01T10:00:00Z");
  });
});

describe("DatabaseRedundant", () => {
  const oneBehind = facts({ members: [aMember(0, { role: "primary" }), aMember(1), aMember(2, { inSync: false })] });

  test.each([
    ["all in sync", facts({}), undefined, "True", "AllInSync"],
    ["one behind, never whole before", oneBehind, undefined, "False", "Forming"],
    ["one behind, still forming", oneBehind, "Forming", "False", "Forming"],
    ["one behind, grown from a single instance", oneBehind, "SingleInstance", "False", "Forming"],
    ["one behind, whole before", oneBehind, "AllInSync", "False", "MembersMissing"],
    ["one behind for a while", oneBehind, "MembersMissing", "False", "MembersMissing"],
    ["one instance", facts({ members: [aMember(0)] }, { instances: 1 }), undefined, "False", "SingleInstance"],
  ])("given %s", (_, given, before, status, reason) => {
    expect(databaseRedundant(given, { reason: before, instances: 3, givenUp: [] })).toMatchObject({ status, reason });
  });

  test("then the message names the member that is waited for, also one whose pod does not exist", () => {
    const given = facts({ members: three.slice(0, 2) });
    expect(databaseRedundant(given, { reason: undefined, instances: 3, givenUp: [] }).message).toContain("studio-db-2");
  });

  test("given a member that was rebuilt as often as it may be, then a person is asked, and told where to look", () => {
    const verdict = databaseRedundant(oneBehind, { reason: "MembersMissing", instances: 3, givenUp: ["studio-db-2"] });
    expect(verdict).toMatchObject({ status: "False", reason: "RebuildFailed" });
    expect(verdict.message).toContain("kubectl logs studio-db-2");
    expect(databaseRedundant(oneBehind, { reason: "RebuildFailed", instances: 3, givenUp: [] }).reason).toBe(
      "MembersMissing",
    );
  });

  test("given a whole database that is to grow, then it is Forming, and not in trouble", () => {
    const given = facts({}, { instances: 5 });
    expect(databaseRedundant(given, { reason: "AllInSync", instances: 3, givenUp: [] }).reason).toBe("Forming");
  });
});

test("the summary counts members in sync of those wanted", () => {
  expect(databaseSummary(facts({ members: three.slice(0, 2) }))).toBe("2/3 in sync");
});
