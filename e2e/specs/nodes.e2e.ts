import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { chooseCluster } from "../cluster/choose.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { operatorRelease } from "../support/namespace.ts";
import { operatorLeader, scaleOperator } from "../support/operator.ts";
import { untilStemHub } from "../support/ready.ts";
import { sharedStudio } from "../support/shared-studio.ts";
import { adminKubectl, environment } from "../support/suite.ts";

/*
 * A node whose cable is pulled: nothing on it is reached, and what runs there runs on. Kubernetes takes its pods out of
 * Services after 40 s or more; the operator does when it judges the node lost.
 */
const kubectl = sharedStudio();
const system = adminKubectl().in(operatorRelease.namespace);
const image = () => environment().images.postgres;

let cluster: Cluster;
let cut: string | undefined;

beforeAll(async () => {
  ({ cluster } = await chooseCluster());
});

afterAll(async () => {
  if (cut) await cluster.healNode(cut);
  await scaleOperator(system, 2);
}, 120_000);

test.each(["on another node", "on that node", "nowhere"] as const)(
  "given a writer, a reader and an operator %s, when the primary's node is cut off and healed, then nothing acknowledged is lost",
  async (operator) => {
    await untilInSync(kubectl, "studio", 60_000);
    const node = await primaryNode();
    if (operator === "on that node") await moveLeader(node, "to");
    if (operator === "on another node") await moveLeader(node, "away from");
    if (operator === "nowhere") await scaleOperator(system, 0);
    const database = await databaseClient(kubectl, "studio", image(), node);
    const load = await startLoad(kubectl, "studio", { image: image(), database, avoid: node });

    const before = await servedOn(node);
    expect(before).toEqual(expect.arrayContaining([expect.stringMatching(/-db-rw-/), expect.stringMatching(/-api-/)]));
    const began = performance.now();
    const since = () => `${((performance.now() - began) / 1_000).toFixed(0)} s`;
    cut = node;
    await cluster.loseNode(node);
    if (operator === "on another node") {
      await eventually("no Service leads to the lost node", 25_000, async () => (await servedOn(node)).length === 0);
      console.log(`no Service leads to the lost node after ${since()}`);
    }
    await load.feltByWriter(30_000);
    await load.goesOn(20, 60_000);
    await cluster.healNode(node);
    cut = undefined;
    const healed = performance.now();
    if (operator === "nowhere") await scaleOperator(system, 2);
    await untilInSync(kubectl, "studio", 90_000);
    const wholeSeconds = (performance.now() - healed) / 1_000;

    const { missing, said } = await accountOf(load, database);
    console.log(`node cut off, operator ${operator}: ${said}, whole ${wholeSeconds.toFixed(0)} s after it is healed`);
    expect(missing).toEqual([]);
    // What was taken off comes back; the Service of the primary is elsewhere now.
    const again = before.filter((slice) => !slice.includes("-db-rw-"));
    await eventually("Services lead to the node again", 30_000, async () => {
      const served = await servedOn(node);
      return again.every((slice) => served.includes(slice));
    });
  },
  300_000,
);

test("given a writer and a reader, when the primary's node is closed and then drained, then the role has moved before", async () => {
  await untilInSync(kubectl, "studio", 60_000);
  const node = await primaryNode();
  const database = await databaseClient(kubectl, "studio", image(), node);
  const load = await startLoad(kubectl, "studio", { image: image(), database, avoid: node });
  await system.run(["cordon", node]);
  try {
    await eventually("the primary is on another node", 30_000, async () => (await primaryNode()) !== node);
    await kubectl.wait("stemhub/studio", "jsonpath={.status.database.switchover.phase}=Done", 30_000);
    const { switchover } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};
    expect(switchover).toMatchObject({ cause: "Drain" });
    await untilInSync(kubectl, "studio", 30_000);
    // As a person would, but for the other pods of that node.
    const flags = ["--delete-emptydir-data", "--pod-selector=stemhub.dev/database=studio-db", "--timeout=60s"];
    await system.run(["drain", node, ...flags], { deadlineMs: 70_000 });
    // What is left acknowledges without the one that was drained.
    await load.goesOn(20, 10_000);
  } finally {
    await system.run(["uncordon", node]);
  }
  await untilInSync(kubectl, "studio", 60_000);
  const { missing, said } = await accountOf(load, database);
  console.log(`the primary's node is closed and drained: ${said}`);
  expect(missing).toEqual([]);
}, 240_000);

async function primaryNode(): Promise<string> {
  const { annotations } = (await kubectl.get("configmap/studio-db-leader")).metadata;
  return nodeOf(await kubectl.get(`pod/${annotations?.leader}`));
}

function nodeOf(pod: KubeObject): string {
  return (pod.spec as { nodeName: string }).nodeName;
}

/**
 * Ends the leader until one leads that lives on the node, or on another: the two replicas are on two nodes. New ones can
 * only come where the leader should live; but the primary's node stays open, or its role would move.
 */
async function moveLeader(node: string, where: "to" | "away from"): Promise<void> {
  const nodes = (await system.list("nodes")).map(({ metadata }) => metadata.name);
  const closed = where === "to" ? nodes.filter((name) => name !== node) : [];
  const fits = (name: string) => (name === node) === (where === "to");
  for (const name of closed) await system.run(["cordon", name]);
  try {
    await eventually(`the operator's leader moved ${where} ${node}`, 120_000, async () => {
      const leader = await operatorLeader(system);
      if (fits(nodeOf(await system.get(`pod/${leader}`)))) return true;
      await system.delete(`pod/${leader}`, { wait: true });
      return false;
    });
  } finally {
    for (const name of closed) await system.run(["uncordon", name]);
  }
}

interface EndpointSlice {
  readonly endpoints?: readonly { readonly nodeName?: string; readonly conditions?: { readonly ready?: boolean } }[];
}

/** The Services of the StemHub that lead to a node; not the one by which members find each other. */
async function servedOn(node: string): Promise<string[]> {
  const slices = await kubectl.list("endpointslices", "kubernetes.io/service-name!=studio-db-pods");
  return slices
    .filter((slice) =>
      (slice as EndpointSlice).endpoints?.some((one) => one.nodeName === node && one.conditions?.ready !== false),
    )
    .map((slice) => slice.metadata.name);
}
