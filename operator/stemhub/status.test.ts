import { describe, expect, test } from "vitest";
import type { StemHub, StemHubStatus } from "../api/stemhub.ts";
import { aClaim } from "../testing/claims.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { aMember, aTopology, noTopology } from "../testing/topology.ts";
import type { World } from "./observe.ts";
import { announcedStatus, computeStatus, statusEvents } from "./status.ts";

const now = Date.parse("2026-01-15T12:00:00Z");
const deployment = (name: string) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "music", generation: 1 },
  spec: { replicas: 2, template: { spec: { containers: [{ image: "api:1" }] } } },
  status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
});
const healthy: World = {
  topology: aTopology(),
  pods: [],
  secrets: new Map(),
  deployments: [deployment("studio-api"), deployment("studio-gateway")],
  autoscalers: [],
  jobs: [],
  configMaps: [],
  claims: [],
  statefulSet: undefined,
};
const compute = (stemhub: StemHub, world: World | undefined = healthy) =>
  computeStatus({ stemhub, world, release: { rollout: { step: "NoMigration" } }, failure: undefined, now });
const condition = (status: StemHubStatus | undefined, type: string) => status?.conditions?.find((c) => c.type === type);
const withStatus = (status: StemHubStatus, generation = 1): StemHub => ({ ...aStemHub({}, { generation }), status });

test("given a healthy platform, then Ready is True, alone, and every condition speaks of this generation", () => {
  const status = compute(aStemHub());
  expect(status.conditions?.map((c) => `${c.type}=${c.status}`)).toEqual([
    "Ready=True",
    "DatabaseAvailable=True",
    "DatabaseRedundant=True",
    "AppAvailable=True",
    "ReleaseProgressing=False",
  ]);
  for (const each of status.conditions ?? []) expect(each.observedGeneration).toBe(1);
  expect(status).toMatchObject({
    observedGeneration: 1,
    release: { version: "1.0.0" },
    database: { primary: "studio-db-0", summary: "3/3 in sync" },
    gateway: { url: "https://studio-gateway.music.svc" },
  });
});

test("given volumes that are to grow, then Ready is Unknown until the last one has", () => {
  const stemhub = aStemHub({ database: { storage: { size: "20Gi" } } });
  const large = { requested: "20Gi" };
  const growing = compute(stemhub, {
    ...healthy,
    claims: [aClaim(0, large), aClaim(1, { ...large, capacity: "10Gi" })],
  });
  expect(condition(growing, "Ready")).toMatchObject({ status: "Unknown", reason: "VolumesGrowing" });
  expect(growing.database?.volumeSize).toBe("10Gi");
  const grown = compute(stemhub, { ...healthy, claims: [aClaim(0, large), aClaim(1, large)] });
  expect(condition(grown, "Ready")?.status).toBe("True");
  expect(grown.database?.volumeSize).toBe("20Gi");
});

test("given nothing changed, then the next status is the same, so that nothing is written", () => {
  const first = compute(aStemHub());
  const later = computeStatus({
    stemhub: withStatus(first),
    world: healthy,
    release: { rollout: { step: "NoMigration" } },
    failure: undefined,
    now: now + 600_000,
  });
  expect(later).toEqual(first);
});

test("given no primary, then status.database names none", () => {
  const world = { ...healthy, topology: { ...healthy.topology, primary: undefined } };
  expect(compute(aStemHub(), world).database).not.toHaveProperty("primary");
});

describe("given a Ready StemHub that was edited", () => {
  const ready = compute(aStemHub());

  test("when the edit is first seen, then Ready is Unknown for it, and the rest is kept", () => {
    const status = announcedStatus(withStatus(ready, 2), now);
    expect(status?.observedGeneration).toBe(2);
    expect(condition(status, "Ready")).toMatchObject({
      status: "Unknown",
      reason: "NewGeneration",
      observedGeneration: 2,
    });
    expect(condition(status, "Reconciling")?.status).toBe("True");
    expect(status?.database).toEqual(ready.database);
  });

  test("when it has been announced, then it is not again: a healthy pass must not flap", () => {
    const announced = announcedStatus(withStatus(ready, 2), now) ?? {};
    expect(announcedStatus(withStatus(announced, 2), now)).toBeUndefined();
  });
});

test("given a namespace without rights, then Ready is False, Stalled is True, and former findings stay", () => {
  const former = compute(aStemHub());
  const failure = { kind: "stalled", reason: "NamespaceNotBound", message: "m" } as const;
  const status = computeStatus({ stemhub: withStatus(former), world: undefined, release: {}, failure, now });
  expect(condition(status, "Ready")).toMatchObject({ status: "False", reason: "NamespaceNotBound" });
  expect(condition(status, "Stalled")?.status).toBe("True");
  expect(status.database).toEqual(former.database);
});

test("given a change that goes from member to member, then Ready is Unknown until all carry it", () => {
  const members = [aMember(0, { outdated: true }), aMember(1), aMember(2)];
  const status = compute(aStemHub(), { ...healthy, topology: aTopology({ members }) });
  expect(condition(status, "Ready")).toMatchObject({ status: "Unknown", reason: "MembersRestarting" });
  expect(condition(status, "Ready")?.message).toContain("still to restart: studio-db-0.");
  const settling = compute(aStemHub(), { ...healthy, topology: aTopology({ settled: false }) });
  expect(condition(settling, "Ready")).toMatchObject({ status: "Unknown", reason: "MembersRestarting" });
});

test("given members that are to leave, then Ready is Unknown until they have", () => {
  const members = [0, 1, 2, 3, 4].map((ordinal) => aMember(ordinal));
  const status = compute(aStemHub(), { ...healthy, topology: aTopology({ members }) });
  expect(condition(status, "Ready")).toMatchObject({ status: "Unknown", reason: "MembersLeaving" });
  expect(status.database?.summary).toBe("3/3 in sync");
});

describe("events", () => {
  const ready = compute(aStemHub());
  test("none where nothing changed", () => {
    expect(statusEvents(withStatus(ready), ready)).toEqual([]);
  });
  test("a warning for what became bad, once for each condition", () => {
    const world = { ...healthy, topology: { ...healthy.topology, primary: undefined } };
    const events = statusEvents(withStatus(ready), compute(withStatus(ready), world));
    expect(events.map((event) => `${event.type} ${event.reason}`)).toEqual(["Warning NoPrimary", "Warning NoPrimary"]);
  });
  test("one for each step of a switchover, a warning where it came to nothing", () => {
    const since = new Date(now).toISOString();
    const told = (phase: "Requested" | "Failed") => {
      const switchover = { cause: "Annotation" as const, request: "any", phase, since, message: `${phase}.` };
      return { ...ready, database: { instances: 3, ready: 3, inSync: 3, summary: "3/3 in sync", switchover } };
    };
    expect(statusEvents(withStatus(ready), told("Requested"))).toEqual([
      { type: "Normal", reason: "SwitchoverRequested", note: "Requested." },
    ]);
    expect(statusEvents(withStatus(told("Requested")), told("Failed"))).toMatchObject([
      { type: "Warning", reason: "SwitchoverFailed" },
    ]);
    expect(statusEvents(withStatus(told("Failed")), told("Failed"))).toEqual([]);
  });
  test("no warning for a beginning", () => {
    const world = { ...healthy, topology: noTopology, deployments: [] };
    const events = statusEvents(aStemHub(), compute(aStemHub(), world));
    expect(events.filter((event) => event.type === "Warning").map((event) => event.reason)).toEqual([]);
  });
});
