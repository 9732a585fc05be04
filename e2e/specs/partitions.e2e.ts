import { afterEach, beforeAll, expect, test } from "vitest";
import { chooseCluster } from "../cluster/choose.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { type Lock, lockOf, memberPods, watchMembers } from "../support/members.ts";
import { operatorRelease } from "../support/namespace.ts";
import { operatorLeader } from "../support/operator.ts";
import { apiServerPeer, keepApart, type PodPeer, podPeer, untilApart } from "../support/partition.ts";
import { untilStemHub } from "../support/ready.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

/*
 * One way is cut, and everybody else still reaches everybody: the primary serves, so it has to stay primary. Only pods of
 * this file are cut off, from each other or from the operator: other files may run beside it.
 */
const kubectl = inNamespace("e2e-partitions");
const system = adminKubectl().in(operatorRelease.namespace);

/** Patroni's lock runs out after 20 s without a renewal (its ttl), and others look every 3 s (loop_wait). */
const cutMs = 25_000;
const ttlMs = 20_000;

let cluster: Cluster;
let database: DatabaseClient;
let apart: { end(): Promise<void> } | undefined;

beforeAll(async () => {
  ({ cluster } = await chooseCluster());
  await kubectl.apply(echoStemHub("studio", { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 180_000);

afterEach(() => apart?.end());

/** Whom the primary is kept from. */
interface Partition {
  readonly from: string;
  /** How long it may take, from the mending on, until three are in sync again. */
  readonly wholeWithinSeconds: number;
  /** Begins it, and returns when it is felt. */
  readonly begins: (primary: string) => Promise<void>;
  /** What shows at its end that it lasted. */
  readonly lasted: () => Promise<void>;
}

const partitions: readonly Partition[] = [
  {
    from: "the operator's leader",
    wholeWithinSeconds: 20,
    begins: async (primary) => {
      const leader = await operatorLeader(system);
      const peer = await podPeer(kubectl, primary);
      apart = await keepApart(cluster, await podPeer(system, leader), peer);
      await untilApart(system, leader, peer.address, 5432);
    },
    lasted: () => Promise.resolve(),
  },
  {
    from: "one of its standbys",
    wholeWithinSeconds: 20,
    begins: async (primary) => {
      const [standby = ""] = (await memberPods(kubectl, "studio")).filter((pod) => pod !== primary);
      const peer = await podPeer(kubectl, primary);
      apart = await keepApart(cluster, await podPeer(kubectl, standby), peer);
      await untilApart(kubectl, standby, peer.address, 5432);
    },
    lasted: () => untilInSync(kubectl, "studio", 1_000, 1),
  },
  {
    from: "the API server",
    wholeWithinSeconds: 20,
    begins: async (primary) => {
      const [pod, api] = [await podPeer(kubectl, primary), await apiServerPeer(kubectl)];
      apart = await keepApart(cluster, pod, api);
      await untilApart(kubectl, primary, api.address, api.port ?? 0);
    },
    lasted: async () => {
      expect(Date.now() - (await lockOf(kubectl, "studio")).renewedMs, "ms since the lock was renewed").toBeGreaterThan(
        ttlMs,
      );
    },
  },
];

test.each(partitions)(
  "given a writer and a reader, when only the way between the primary and $from is cut, then it stays the only primary, and nobody notices",
  async ({ from, wholeWithinSeconds, begins, lasted }) => {
    await untilInSync(kubectl, "studio", 30_000);
    await primaryAwayFromOperator();
    const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
    const before = await lockOf(kubectl, "studio");
    const members = await memberPods(kubectl, "studio");
    const former = await watchMembers(kubectl, members, 1_000);

    await begins(before.leader);
    const meanwhile = await watchMembers(kubectl, members, cutMs);
    await lasted();
    await load.goesOn(20, 15_000);
    await apart?.end();
    const mended = performance.now();
    await untilInSync(kubectl, "studio", wholeWithinSeconds * 1_000);
    const seconds = (performance.now() - mended) / 1_000;

    const { missing, unanswered, said } = await accountOf(load, database);
    console.log(`the primary and ${from} are kept apart: ${said}, whole ${seconds.toFixed(0)} s after it is mended`);
    expect(missing).toEqual([]);
    expect(unanswered).toEqual([]);
    expect(seconds).toBeLessThan(wholeWithinSeconds);
    expect(meanwhile.primaries, `of ${meanwhile.asked} looks at each member`).toEqual([before.leader]);
    expect(meanwhile.timelines).toEqual(former.timelines);
    expect(held(await lockOf(kubectl, "studio"))).toEqual(held(before));
  },
  180_000,
);

function held({ leader, transitions }: Lock) {
  return { leader, transitions };
}

/** Two of one node cannot be kept apart. */
async function primaryAwayFromOperator(): Promise<void> {
  const leaderNode = (await podPeer(system, await operatorLeader(system))).node;
  const primaryNode = async (): Promise<PodPeer["node"]> =>
    (await podPeer(kubectl, (await lockOf(kubectl, "studio")).leader)).node;
  if ((await primaryNode()) !== leaderNode) return;
  await kubectl.run(["annotate", "stemhub/studio", "--overwrite", "stemhub.dev/switchover=any"]);
  await eventually("the primary is not on the node of the operator's leader", 30_000, async () => {
    return (await primaryNode()) !== leaderNode;
  });
  await kubectl.wait("stemhub/studio", "jsonpath={.status.database.switchover.phase}=Done", 30_000);
  await untilInSync(kubectl, "studio", 30_000);
}
