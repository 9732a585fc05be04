import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseCluster } from "../cluster/choose.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { lockOf, memberPods, watchMembers } from "../support/members.ts";
import { operatorRelease } from "../support/namespace.ts";
import { operatorLeader } from "../support/operator.ts";
import { untilStemHub } from "../support/ready.ts";
import { sharedStudio } from "../support/shared-studio.ts";
import { adminKubectl, environment } from "../support/suite.ts";

/* Nobody can ask the cluster anything, and what runs in it runs on. */
const kubectl = sharedStudio();
const system = adminKubectl().in(operatorRelease.namespace);

const awayMs = 60_000;
/** From the API server's return on. The operator goes on asking for its Lease, every 2 s and with 5 s for an answer. */
const leadsWithinMs = 30_000;
const wholeWithinMs = 30_000;

let cluster: Cluster;
let database: DatabaseClient;

beforeAll(async () => {
  ({ cluster } = await chooseCluster());
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
});

afterAll(() => cluster.healApiServer(), 120_000);

test("given a writer and a reader, when the API server is away for a minute, then nobody notices and the operator leads again", async () => {
  await untilInSync(kubectl, "studio", 30_000);
  const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
  const members = await memberPods(kubectl, "studio");
  const [before, former] = [await lockOf(kubectl, "studio"), await watchMembers(kubectl, members, 1_000)];

  await cluster.loseApiServer();
  await sleep(awayMs);
  await cluster.healApiServer();
  const back = performance.now();
  const since = () => `${((performance.now() - back) / 1_000).toFixed(0)} s`;
  await untilInSync(kubectl, "studio", wholeWithinMs);
  const whole = since();
  await eventually("the operator leads again", leadsWithinMs, () => leads());
  const leading = since();
  await load.goesOn(20, 10_000);
  const { missing, unanswered, said } = await accountOf(load, database);
  console.log(
    `the API server is away for 60 s: ${said}, whole ${whole} and led by an operator ${leading} after its return`,
  );

  expect(missing).toEqual([]);
  expect(unanswered).toEqual([]);
  const { leader, transitions } = await lockOf(kubectl, "studio");
  expect({ leader, transitions }).toEqual({ leader: before.leader, transitions: before.transitions });
  expect(await watchMembers(kubectl, members, 1_000)).toMatchObject({
    primaries: [before.leader],
    timelines: former.timelines,
  });
  // What it does, it does again.
  await untilStemHub(kubectl, "studio");
}, 300_000);

/** The Lease has been renewed within the last seconds, by a pod that runs. */
async function leads(): Promise<boolean> {
  await operatorLeader(system);
  const { renewTime = "" } = ((await system.get(`lease/${operatorRelease.name}`)).spec ?? {}) as { renewTime?: string };
  return Date.now() - Date.parse(renewTime) < 5_000;
}
