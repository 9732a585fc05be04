import { expect, test } from "vitest";
import { aMember, aTopology, noTopology } from "../../testing/topology.ts";
import { decideScale } from "./scale.ts";

const five = aTopology({ members: [0, 1, 2, 3, 4].map((i) => aMember(i)) });

test.each([
  { change: "none yet to 3", instances: 3, current: undefined, topology: noTopology, replicas: 3 },
  { change: "1 to 3", instances: 3, current: 1, topology: aTopology({ members: [aMember(0)] }), replicas: 3 },
  { change: "3 to 5 while one is away", instances: 5, current: 3, topology: noTopology, replicas: 5 },
  { change: "5 to 3, all in sync", instances: 3, current: 5, topology: five, replicas: 3 },
])("given $change, then the StatefulSet has $replicas at once", ({ instances, current, topology, replicas }) => {
  expect(decideScale(instances, current, topology)).toEqual({ replicas });
});

test("given 5 to 3 with the primary among those that leave, then its role moves first", () => {
  const decision = decideScale(3, 5, { ...five, primary: "studio-db-4" });
  expect(decision).toMatchObject({ replicas: 5, waiting: { moveRole: true } });
});

test("given 5 to 3 with one of those that stay behind, then nobody leaves", () => {
  const members = [aMember(0), aMember(1), aMember(2, { inSync: false }), aMember(3), aMember(4)];
  const { replicas, waiting } = decideScale(3, 5, { ...five, members });
  expect(replicas).toBe(5);
  expect(waiting?.message).toMatch(/2 members leave when the 3 that stay are in sync: 2 are/);
});
