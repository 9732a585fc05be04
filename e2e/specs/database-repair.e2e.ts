import { beforeAll, expect, test } from "vitest";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* Copies that are lost or damaged. The primary serves on: nobody may notice. */
const kubectl = inNamespace("e2e-repair");

let database: DatabaseClient;

beforeAll(async () => {
  await kubectl.apply(echoStemHub("studio", { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 180_000);

interface Damage {
  readonly damage: string;
  /** The operator has to judge it, and gives Patroni's own repair its time first. */
  readonly wholeWithinSeconds: number;
  /** @param replica a pod that is not primary */
  readonly happens: (replica: string) => Promise<void>;
}

const damages: readonly Damage[] = [
  {
    damage: "a replica's volume is lost",
    wholeWithinSeconds: 60,
    happens: async (replica) => {
      await kubectl.delete(`persistentvolumeclaim/data-${replica}`);
      await kubectl.delete(`pod/${replica}`, { force: true });
    },
  },
  {
    damage: "a replica's data is damaged",
    wholeWithinSeconds: 150,
    happens: async (replica) => {
      const zeros = "head -c 8192 /dev/zero > /data/pg/global/pg_control";
      await kubectl.exec(replica, ["bash", "-c", `${zeros}; kill -KILL $(head -n 1 /data/pg/postmaster.pid)`]);
    },
  },
];

test.each(damages)(
  "given a writer and a reader, when $damage, then it is made anew and nobody notices",
  async ({ damage, wholeWithinSeconds, happens }) => {
    await untilInSync(kubectl, "studio", 30_000);
    const claims = await claimUids();
    const replica = await someReplica();
    const former = (await kubectl.get(`pod/${replica}`)).metadata.uid;
    const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });

    const began = performance.now();
    await happens(replica);
    await eventually(`${replica} has another volume`, wholeWithinSeconds * 1_000, async () => {
      const uid = (await claimUids()).get(`data-${replica}`);
      return uid !== undefined && uid !== claims.get(`data-${replica}`);
    });
    // The new pod, not what is left of the former one.
    await eventually(`${replica} is ready again`, wholeWithinSeconds * 1_000, async () => {
      const { metadata, status } = await kubectl.get(`pod/${replica}`);
      const { conditions = [] } = status as { conditions?: { type: string; status: string }[] };
      return metadata.uid !== former && conditions.some((one) => one.type === "Ready" && one.status === "True");
    });
    await untilInSync(kubectl, "studio", wholeWithinSeconds * 1_000);
    const seconds = (performance.now() - began) / 1_000;

    const { missing, unanswered, said } = await accountOf(load, database);
    console.log(`${damage}: ${said}, whole after ${seconds.toFixed(0)} s`);
    expect(missing).toEqual([]);
    expect(unanswered).toEqual([]);
    expect(seconds).toBeLessThan(wholeWithinSeconds);
    // Nobody else's copy was touched.
    const [before, after] = [claims, await claimUids()].map((uids) => new Map(uids));
    for (const uids of [before, after]) uids?.delete(`data-${replica}`);
    expect(after).toEqual(before);
  },
  300_000,
);

test("then status and an event tell which copy was made anew, and why", async () => {
  const rebuilds = (await untilStemHub(kubectl, "studio")).status?.database?.rebuilds;
  expect(rebuilds).toHaveLength(1);
  const events = await kubectl.list("events.events.k8s.io");
  expect(events.filter(({ reason }) => reason === "MemberRebuilt").map(({ note }) => note)).toEqual([
    expect.stringContaining(rebuilds?.[0]?.member ?? "?"),
  ]);
});

test("given a writer and a reader, when a replica's receiver hangs and all else of it runs, then its pod is restarted, on its volume", async () => {
  await untilInSync(kubectl, "studio", 30_000);
  const claims = await claimUids();
  const replica = await someReplica();
  const former = (await kubectl.get(`pod/${replica}`)).metadata.uid;
  const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
  const began = performance.now();
  const receiver = `for p in /proc/[0-9]*; do grep -qsa '^postgres: .* walreceiver' $p/cmdline && kill -STOP "\${p#/proc/}"; done; true`;
  await kubectl.exec(replica, ["bash", "-c", receiver]);
  // A minute of patience, and ten seconds in which it does not end by itself.
  await eventually(`${replica} is another pod`, 120_000, async () => {
    return (await kubectl.get(`pod/${replica}`)).metadata.uid !== former;
  });
  await untilInSync(kubectl, "studio", 60_000);
  const seconds = (performance.now() - began) / 1_000;
  const { missing, unanswered, said } = await accountOf(load, database);
  console.log(`a replica's receiver hangs: ${said}, whole after ${seconds.toFixed(0)} s`);
  expect(missing).toEqual([]);
  expect(unanswered).toEqual([]);
  expect(await claimUids()).toEqual(claims);
}, 240_000);

async function someReplica(): Promise<string> {
  const { primary } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};
  const pods = await kubectl.list("pods", "stemhub.dev/database=studio-db");
  const replica = pods.map(({ metadata }) => metadata.name).find((name) => name !== primary);
  if (!primary || !replica) throw new Error(`the primary is ${primary}, and there is no replica beside it`);
  return replica;
}

async function claimUids(): Promise<Map<string, string | undefined>> {
  const claims = await kubectl.list("persistentvolumeclaims");
  return new Map(claims.map(({ metadata }) => [metadata.name, metadata.uid]));
}
