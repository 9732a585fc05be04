import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { chooseCluster } from "../cluster/choose.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { echoComponent } from "../support/echo.ts";
import { operatorRelease } from "../support/namespace.ts";
import { operatorLeader } from "../support/operator.ts";
import { untilStemHub } from "../support/ready.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

/*
 * A node whose cable is pulled: nothing on it is reached, and what runs there runs on. Kubernetes takes its pods out of
 * Services after 40 s or more; the operator does when it judges the node lost.
 */
const kubectl = inNamespace("e2e-nodes-lost");
const system = adminKubectl().in(operatorRelease.namespace);
const image = () => environment().images.postgres;

let cluster: Cluster;
let cut: string | undefined;

beforeAll(async () => {
  ({ cluster } = await chooseCluster());
  const spec = {
    database: { storage: { size: "1Gi" } },
    // One a node: so Services of the app lead to each.
    components: { api: echoComponent("1.0.0", { replicas: { min: 3 } }) },
  };
  await kubectl.apply(echoStemHub("studio", { spec }));
  await untilStemHub(kubectl, "studio");
}, 180_000);

afterAll(async () => {
  if (cut) await cluster.healNode(cut);
  await scaleOperator(2);
}, 120_000);

test.each(["on another node", "on that node", "nowhere"] as const)(
  "given a writer, a reader and an operator %s, when the primary's node is cut off and healed, then nothing acknowledged is lost",
  async (operator) => {
    await untilInSync(kubectl, "studio", 60_000);
    const node = await primaryNode();
    if (operator === "on that node") await moveLeader(node, "to");
    if (operator === "on another node") await moveLeader(node, "away from");
    if (operator === "nowhere") await scaleOperator(0);
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
    if (operator === "nowhere") await scaleOperator(2);
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

async function primaryNode(): Promise<string> {
  const { annotations } = (await kubectl.get("configmap/studio-db-leader")).metadata;
  return nodeOf(await kubectl.get(`pod/${annotations?.leader}`));
}

function nodeOf(pod: KubeObject): string {
  return (pod.spec as { nodeName: string }).nodeName;
}

/** Ends the leader until one leads that lives on the node, or on another. New pods can only be placed where it should live. */
async function moveLeader(node: string, where: "to" | "away from"): Promise<void> {
  const nodes = (await system.list("nodes")).map(({ metadata }) => metadata.name);
  const closed = nodes.filter((name) => (name === node) === (where === "away from"));
  await system.run(["cordon", ...closed]);
  try {
    await eventually(`the operator's leader moved ${where} ${node}`, 120_000, async () => {
      const leader = await operatorLeader(system);
      if (!closed.includes(nodeOf(await system.get(`pod/${leader}`)))) return true;
      await system.delete(`pod/${leader}`, { wait: true });
      return false;
    });
  } finally {
    await system.run(["uncordon", ...closed]);
  }
}

async function scaleOperator(replicas: number): Promise<void> {
  const name = `deployment/${operatorRelease.name}`;
  await system.run(["scale", name, `--replicas=${replicas}`]);
  if (replicas > 0) await system.run(["rollout", "status", name, "--timeout=60s"], { deadlineMs: 70_000 });
  else await system.wait(`pod -l app.kubernetes.io/name=${operatorRelease.name}`, "delete", 60_000);
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
