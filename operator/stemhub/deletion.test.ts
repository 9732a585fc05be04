import { describe, expect, test } from "vitest";
import type { KubeObject } from "../runtime/objects.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { aMember, noTopology } from "../testing/topology.ts";
import { decideDeletion, deleteDataFinalizer, finalizerChange } from "./deletion.ts";
import type { World } from "./observe.ts";

const object = (kind: string, name: string, metadata: Partial<KubeObject["metadata"]> = {}): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "music", ...metadata },
});
const member = aMember(0);
const nothing: World = {
  topology: noTopology,
  pods: [],
  secrets: new Map(),
  deployments: [],
  autoscalers: [],
  jobs: [],
  configMaps: [],
  claims: [],
  statefulSet: undefined,
};

describe("given a StemHub that is deleted with its data", () => {
  const stemhub = aStemHub({ deletionPolicy: "Delete" });

  test("when the database runs, then it is stopped before anything is removed", () => {
    const world = {
      ...nothing,
      statefulSet: object("StatefulSet", "studio-db"),
      claims: [object("PersistentVolumeClaim", "data-studio-db-0")],
    };
    expect(decideDeletion(stemhub, world).step).toBe("stopDatabase");
  });

  test("when its pods are still ending, then they are waited for: Patroni would make its ConfigMaps again", () => {
    const world = { ...nothing, topology: { ...nothing.topology, members: [member] } };
    expect(decideDeletion(stemhub, world)).toEqual({ step: "waitForPods", pods: ["studio-db-0"] });
  });

  test("when its pods are gone, then volumes, Patroni's store and generated Secrets go, and nobody else's", () => {
    const world = {
      ...nothing,
      claims: [object("PersistentVolumeClaim", "data-studio-db-0")],
      configMaps: [
        object("ConfigMap", "studio-db-leader"),
        object("ConfigMap", "studio-ca"),
        object("ConfigMap", "mine"),
      ],
      secrets: new Map([
        ["studio-db-app", object("Secret", "studio-db-app")],
        ["mine", object("Secret", "mine")],
      ]),
    };
    const step = decideDeletion(stemhub, world);
    expect(step.step === "removeData" && step.removals.map((removal) => removal.name)).toEqual([
      "data-studio-db-0",
      "studio-db-leader",
      "studio-ca",
      "studio-db-app",
    ]);
  });

  test("when nothing is left, then it is done", () => {
    expect(decideDeletion(stemhub, nothing)).toEqual({ step: "done" });
  });
});

test.each([
  ["Retain", [], undefined],
  ["Retain", [deleteDataFinalizer], "remove"],
  ["Delete", [], "add"],
  ["Delete", [deleteDataFinalizer, "other/one"], undefined],
])("given deletionPolicy %s and finalizers %j, then the change is %s", (deletionPolicy, finalizers, change) => {
  expect(finalizerChange(aStemHub({ deletionPolicy }, { finalizers }))).toBe(change);
});
