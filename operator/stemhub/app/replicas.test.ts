import { describe, expect, test } from "vitest";
import type { Component } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { replicasHandover, replicasToApply } from "./replicas.ts";

const component = (spec: object): Component => {
  const { api } = aStemHub({ components: { api: spec } }).spec.components;
  if (!api) throw new Error("a StemHub of these tests has an api");
  return api;
};
const fixed = component({ replicas: { min: 3 } });
const scaled = component({ replicas: { min: 2, max: 6 }, autoscaling: { cpuPercent: 70 } });

const live = (replicas: number, manager: string): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: "studio-api",
    namespace: "music",
    resourceVersion: "42",
    managedFields: [{ manager, operation: "Apply", fieldsV1: { "f:spec": { "f:replicas": {} } } }],
  },
  spec: { replicas },
});

describe("what the operator says about replicas", () => {
  test.each([
    ["a fixed number, new", fixed, undefined, 3],
    ["a fixed number, scaled by hand to 7", fixed, live(7, "kubectl"), 3],
    ["autoscaled, new: begins at the minimum", scaled, undefined, 2],
    ["autoscaled, living: nothing", scaled, live(5, "kube-controller-manager"), undefined],
  ])("%s", (_, given, deployment, replicas) => {
    expect(replicasToApply(given, deployment)).toBe(replicas);
  });
});

describe("handing replicas over", () => {
  test("given the operator still owns them, then the live number is handed over, bound to what was read", () => {
    expect(replicasHandover(scaled, live(2, "stemhub-operator"))).toMatchObject({
      metadata: { name: "studio-api", resourceVersion: "42" },
      spec: { replicas: 2 },
    });
  });
  test.each([
    ["they are somebody else's", scaled, live(5, "kube-controller-manager")],
    ["there is no Deployment yet", scaled, undefined],
    ["nothing is autoscaled", fixed, live(3, "stemhub-operator")],
  ])("given %s, then there is nothing to hand over", (_, given, deployment) => {
    expect(replicasHandover(given, deployment)).toBeUndefined();
  });
});
