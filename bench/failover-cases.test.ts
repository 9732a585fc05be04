import { expect, test } from "vitest";
import { databaseFaults } from "../e2e/support/database-faults.ts";
import { failoverCaseNames, failoverCases, failoverLabels } from "./failover-cases.ts";

const cluster = { loseNode: async () => undefined, healNode: async () => undefined };

test("every fault that a database is tested with is measured, and the loss of a node", () => {
  const tested = databaseFaults.map(({ name }) => name);
  expect([...failoverCaseNames].sort()).toEqual([...tested, "node-cut"].sort());
  expect(failoverCases(cluster).map(({ name }) => name)).toEqual(failoverCaseNames);
  expect(failoverLabels.map(({ name }) => name)).toEqual(failoverCaseNames);
});

test("one is chosen by its name; a name that nobody knows is an error that lists them", () => {
  expect(failoverCases(cluster, "sigkill").map(({ name }) => name)).toEqual(["sigkill"]);
  expect(() => failoverCases(cluster, "meteor")).toThrow(/no fault meteor; there are pod-delete, .*node-cut/);
});

test.each(["pod-delete", "sigkill", "forced-delete", "switchover"])(
  "given %s, writes are to pause three seconds at most, and no longer than with plain Patroni",
  (name) => {
    expect(failoverCases(cluster, name)[0]?.targets).toEqual({ writeGapSeconds: 3, noWorseThanPeer: true });
  },
);
