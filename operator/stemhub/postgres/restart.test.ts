import { expect, test } from "vitest";
import { aMember, aTopology } from "../../testing/topology.ts";
import { decideRestart } from "./restart.ts";
import type { Member, Topology } from "./topology.ts";

const calm = { instances: 3, switchoverUnderWay: false };
const outdated = { outdated: true };
const decided = (members: Member[], facts: Partial<Topology> = {}, more: Partial<typeof calm> = {}) =>
  decideRestart({ ...calm, ...more, topology: aTopology({ members, ...facts }) });

test("given members of the newest template, then none restarts", () => {
  expect(decided([0, 1, 2].map((i) => aMember(i)))).toEqual({ step: "none" });
});

test("given three outdated members in sync, then the last replica restarts, by its uid", () => {
  const decision = decided([0, 1, 2].map((i) => aMember(i, outdated)));
  expect(decision).toMatchObject({ step: "restart", pod: "studio-db-2", uid: "uid-studio-db-2" });
});

test("given a replica that came back and the other outdated, then the other restarts", () => {
  const decision = decided([aMember(0, outdated), aMember(1, outdated), aMember(2)]);
  expect(decision).toMatchObject({ step: "restart", pod: "studio-db-1" });
});

test("given only the primary outdated, then its role moves before it restarts", () => {
  expect(decided([aMember(0, outdated), aMember(1), aMember(2)]).step).toBe("moveRole");
});

test.each<[string, Member[], Partial<Topology>, Partial<typeof calm>]>([
  [
    "a member that has come back is not in sync yet",
    [aMember(0, outdated), aMember(1), aMember(2, { inSync: false })],
    {},
    {},
  ],
  ["a member is not there yet", [aMember(0, outdated), aMember(1, outdated)], {}, {}],
  [
    "a member is on its way out",
    [aMember(0, outdated), aMember(1), aMember(2, { ending: true, ready: false })],
    {},
    {},
  ],
  ["the template is newer than what Kubernetes has seen", [aMember(0, outdated), aMember(1)], { settled: false }, {}],
  ["the primary's role is moving", [aMember(0, outdated), aMember(1), aMember(2)], {}, { switchoverUnderWay: true }],
  [
    "the first start is under way",
    [aMember(0, { outdated: true, ready: false, inSync: false, role: "unknown" })],
    { initialized: false, primary: undefined },
    {},
  ],
])("given that %s, then nobody is stopped", (_, members, topology, more) => {
  expect(decided(members, topology, more).step).toBe("wait");
});

test("given a replica that the former template broke, then it is replaced although not all are in sync", () => {
  const broken = { outdated: true, ready: false, inSync: false };
  const decision = decided([aMember(0, outdated), aMember(1, broken), aMember(2, outdated)]);
  expect(decision).toMatchObject({ step: "restart", pod: "studio-db-1" });
});

test("given a first start that cannot begin, then the pod that waits for its image is replaced", () => {
  const waiting = { outdated: true, ready: false, inSync: false, started: false };
  const decision = decided([aMember(0, waiting)], { initialized: false, primary: undefined });
  expect(decision).toMatchObject({ step: "restart", pod: "studio-db-0" });
});

test("given a newest template that broke the first member, then it goes no further", () => {
  const broken = { ready: false, inSync: false };
  expect(decided([aMember(0, outdated), aMember(1, outdated), aMember(2, broken)]).step).toBe("wait");
});

test("given one instance, then it restarts in place", () => {
  const decision = decided([aMember(0, outdated)], {}, { instances: 1 });
  expect(decision).toMatchObject({ step: "restart", pod: "studio-db-0" });
});
