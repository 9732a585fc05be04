import { describe, expect, test } from "vitest";
import { aClaim } from "../../testing/claims.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { decideGrowth, growthPatch, smallestVolume, templateSize, volumeNotExpandable } from "./growth.ts";

/** A StemHub of three that wants 20Gi, and claims of its members in order. */
const facts = (claims: ReturnType<typeof aClaim>[], database: object = {}) => ({
  stemhub: aStemHub({ database: { storage: { size: "20Gi" }, ...database } }),
  claims,
});
const asked = (claims: ReturnType<typeof aClaim>[], database?: object) =>
  decideGrowth(facts(claims, database)).asks.map(({ claim }) => claim);
const pending = { type: "FileSystemResizePending", status: "True" };

describe("a claim asks for the spec's size", () => {
  test("when it asks for less, each at once", () => {
    const claims = [aClaim(0), aClaim(1), aClaim(2, { requested: "20Gi", capacity: "10Gi" })];
    expect(asked(claims)).toEqual(["data-studio-db-0", "data-studio-db-1"]);
    const [ask] = decideGrowth(facts(claims)).asks;
    expect(ask && growthPatch(ask)).toEqual({ spec: { resources: { requests: { storage: "20Gi" } } } });
  });

  test.each([
    ["it asks for it already", aClaim(0, { requested: "20Gi", capacity: "10Gi" })],
    ["it asks for as much in other words", aClaim(0, { requested: "20480Mi" })],
    ["it is larger: no claim is asked to shrink", aClaim(0, { requested: "50Gi" })],
    ["it is not bound yet: Kubernetes would refuse", aClaim(0, { capacity: null })],
    ["it is ending: its member is made anew", aClaim(0, { deletionTimestamp: "2026-03-01T10:00:00Z" })],
    ["its member has left, and kept it", aClaim(3)],
  ])("but not when %s", (_, claim) => {
    expect(asked([claim])).toEqual([]);
  });

  test("when its member has returned", () => {
    expect(asked([aClaim(3)], { instances: 5 })).toEqual(["data-studio-db-3"]);
  });
});

describe("volumes are growing", () => {
  const grown = { requested: "20Gi" };

  test.each([
    ["a claim asks for less", aClaim(1)],
    ["a claim has been given less than it asks for", aClaim(1, { ...grown, capacity: "10Gi" })],
    ["a filesystem is still to grow", aClaim(1, { ...grown, conditions: [pending] })],
    ["a claim was born small and is not bound yet", aClaim(1, { capacity: null })],
  ])("while %s", (_, claim) => {
    const { waiting } = decideGrowth(facts([aClaim(0, grown), claim]));
    expect(waiting?.reason).toBe("VolumesGrowing");
    expect(waiting?.message).toContain("kubectl describe pvc data-studio-db-1");
    expect(waiting?.message).not.toContain("data-studio-db-0");
  });

  test.each([
    ["all have the size", aClaim(1, grown)],
    ["a volume was made larger than asked", aClaim(1, { ...grown, capacity: "21Gi" })],
    ["a filesystem has grown", aClaim(1, { ...grown, conditions: [{ ...pending, status: "False" }] })],
    ["a member waits for its first volume", aClaim(1, { ...grown, capacity: null })],
    ["one that has left is small", aClaim(4)],
  ])("and no more when %s", (_, claim) => {
    expect(decideGrowth(facts([aClaim(0, grown), claim]))).toEqual({ asks: [], waiting: undefined });
  });

  test("and what Kubernetes says of a failure is passed on", () => {
    const conditions = [{ type: "ControllerResizeError", status: "True", message: "the pool is full" }];
    const { waiting } = decideGrowth(facts([aClaim(0, { ...grown, capacity: "10Gi", conditions })]));
    expect(waiting?.message).toContain("the pool is full");
  });
});

test("a refusal names the claim, the class and the size to go back to", () => {
  const [ask] = decideGrowth(facts([aClaim(0)])).asks;
  if (!ask) throw new Error("nothing is asked for");
  const { reason, message } = volumeNotExpandable(ask, "the class must support resize");
  expect(reason).toBe("VolumeNotExpandable");
  for (const words of ["data-studio-db-0", "StorageClass fast", "the class must support resize", "back to 10Gi"]) {
    expect(message).toContain(words);
  }
});

describe("the template's size", () => {
  const { stemhub } = facts([]);

  test("is the spec's for a new StatefulSet", () => {
    expect(templateSize(stemhub, undefined)).toBe("20Gi");
  });

  test("stays what a StatefulSet was made with: Kubernetes refuses another", () => {
    const volumeClaimTemplates = [{ spec: { resources: { requests: { storage: "10Gi" } } } }];
    const statefulSet = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "studio-db" } };
    expect(templateSize(stemhub, { ...statefulSet, spec: { volumeClaimTemplates } })).toBe("10Gi");
  });
});

test("the smallest volume is that of a wanted member, by what it has and not by what it asks for", () => {
  const claims = [aClaim(0, { requested: "20Gi" }), aClaim(1, { requested: "20Gi", capacity: "15Gi" })];
  expect(smallestVolume(facts([...claims, aClaim(2, { capacity: null }), aClaim(3)]))).toBe("15Gi");
  expect(smallestVolume(facts([]))).toBeUndefined();
});
