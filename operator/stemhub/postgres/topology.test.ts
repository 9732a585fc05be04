import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../runtime/objects.ts";
import { aPod } from "../../testing/pods.ts";
import { noTopology } from "../../testing/topology.ts";
import { patroniLabels } from "./patroni.ts";
import { readTopology } from "./topology.ts";

const primary = { [patroniLabels.role]: "primary" };
const replica = { [patroniLabels.role]: "replica" };

function store(part: string, annotations: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `studio-db-${part}`, annotations } };
}

function statefulSet(status: object): KubeObject {
  return { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "studio-db", generation: 2 }, status };
}

const healthy = {
  pods: [
    aPod({ name: "studio-db-0", labels: primary }),
    aPod({ name: "studio-db-1", labels: replica }),
    aPod({ name: "studio-db-2", labels: replica }),
  ],
  leader: store("leader", { leader: "studio-db-0" }),
  sync: store("sync", { leader: "studio-db-0", sync_standby: "studio-db-1,studio-db-2", quorum: "1" }),
  config: store("config", { initialize: "7300000000000000000" }),
  statefulSet: statefulSet({ observedGeneration: 2, updateRevision: "b" }),
  claims: [],
};

const nothing = { leader: undefined, sync: undefined, config: undefined, statefulSet: undefined, claims: [] };
const inSync = (sources: Parameters<typeof readTopology>[0]) =>
  readTopology(sources)
    .members.filter((member) => member.inSync)
    .map((member) => member.pod);

describe("given pods and Patroni's store, when the topology is read", () => {
  test("then three healthy members are one primary and two standbys, all in sync", () => {
    const topology = readTopology(healthy);
    expect(topology.primary).toBe("studio-db-0");
    expect(topology.members.map((member) => member.role)).toEqual(["primary", "replica", "replica"]);
    expect(inSync(healthy)).toHaveLength(3);
  });

  test("then before the first start there is no primary, no member and no data", () => {
    const topology = readTopology({ ...nothing, pods: [] });
    expect(topology).toEqual(noTopology);
  });

  test("then a label that outlived its lock makes no primary: the node it is on may have vanished", () => {
    const topology = readTopology({ ...healthy, leader: store("leader", { leader: "studio-db-1" }) });
    expect(topology.primary).toBeUndefined();
  });

  test("then a primary that is not ready is none", () => {
    const pods = [aPod({ name: "studio-db-0", labels: primary, ready: false }), ...healthy.pods.slice(1)];
    expect(readTopology({ ...healthy, pods }).primary).toBeUndefined();
  });

  test("then a pod on its way out is neither ready nor in sync", () => {
    const pods = [...healthy.pods.slice(0, 2), aPod({ name: "studio-db-2", labels: replica, deleting: true })];
    expect(inSync({ ...healthy, pods })).toEqual(["studio-db-0", "studio-db-1"]);
  });

  test("then a standby outside the quorum is ready and not in sync", () => {
    const sync = store("sync", { leader: "studio-db-0", sync_standby: "studio-db-1", quorum: "1" });
    expect(inSync({ ...healthy, sync })).toEqual(["studio-db-0", "studio-db-1"]);
  });

  test("then members are in the order of their ordinals, ten after nine", () => {
    const pods = [10, 9, 0].map((i) => aPod({ name: `studio-db-${i}`, labels: replica }));
    expect(readTopology({ ...healthy, pods }).members.map((member) => member.ordinal)).toEqual([0, 9, 10]);
  });

  test("then a pod of another revision than the StatefulSet's newest is outdated", () => {
    const pods = ["a", "b"].map((revision, i) =>
      aPod({ name: `studio-db-${i}`, labels: { ...replica, "controller-revision-hash": revision } }),
    );
    const topology = readTopology({ ...healthy, pods });
    expect(topology.settled).toBe(true);
    expect(topology.members.map((member) => member.outdated)).toEqual([true, false]);
  });

  test("then a member says itself what it does, and one that says nothing is no trouble to read", () => {
    const said = [{ state: "running", replication_state: "streaming" }, { state: "start failed" }].map((words) =>
      JSON.stringify(words),
    );
    const pods = [...said, "no JSON"].map((status, i) =>
      aPod({ name: `studio-db-${i}`, labels: replica, annotations: { status } }),
    );
    const { members } = readTopology({ ...healthy, pods });
    expect(members.map(({ state, streaming }) => [state, streaming])).toEqual([
      ["running", true],
      ["start failed", false],
      [undefined, false],
    ]);
  });

  test("then a pod that waited for a node is as old as its place there", () => {
    const pod = aPod({ name: "studio-db-0", labels: replica });
    const waited = {
      ...pod,
      metadata: { ...pod.metadata, creationTimestamp: "2026-03-01T10:00:00Z" },
      status: { ...(pod.status as object), startTime: "2026-03-01T11:00:00Z" },
    };
    const [member] = readTopology({ ...healthy, pods: [waited] }).members;
    expect(member?.createdMs).toBe(Date.parse("2026-03-01T11:00:00Z"));
  });

  test("then a claim whose volume is no more is told of its member", () => {
    const claims = ["Bound", "Lost"].map((phase, i) => ({
      ...{ apiVersion: "v1", kind: "PersistentVolumeClaim" },
      ...{ metadata: { name: `data-studio-db-${i}` }, status: { phase } },
    }));
    expect(readTopology({ ...healthy, claims }).members.map(({ volumeLost }) => volumeLost)).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("then a StatefulSet whose newest template nobody has looked at is not settled", () => {
    const unseen = statefulSet({ observedGeneration: 1, updateRevision: "a" });
    expect(readTopology({ ...healthy, statefulSet: unseen }).settled).toBe(false);
  });
});
