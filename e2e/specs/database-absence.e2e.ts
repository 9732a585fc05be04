import { afterAll, beforeAll, expect, test } from "vitest";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { lockOf, memberPods } from "../support/members.ts";
import { untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* A replica that is away while more is written than is kept for it. */
const kubectl = inNamespace("e2e-absence");

const mebibyte = 1024 ** 2;
const volumeBytes = 1024 * mebibyte;
/** As a volume of 1Gi lets the operator set it: a quarter, each. */
const keptForReplicaBytes = volumeBytes / 4;
/** What is kept for the replica, and a checkpoint later, is written three times over. */
const writtenBytes = 3 * keptForReplicaBytes;
const chunkBytes = 32 * mebibyte;

/** From its pod's return on: the operator asks the primary, waits for 15 s, and it copies the primary anew. */
const wholeWithinMs = 120_000;

let database: DatabaseClient;

beforeAll(async () => {
  await kubectl.apply(echoStemHub("studio", { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 180_000);

afterAll(() => admitPods());

test("given a writer and a reader, when a replica is away for more WAL than is kept, then the primary's volume is safe and the replica returns", async () => {
  await untilInSync(kubectl, "studio", 30_000);
  const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
  const { leader: primary, transitions } = await lockOf(kubectl, "studio");
  const [replica = ""] = (await memberPods(kubectl, "studio")).filter((pod) => pod !== primary);
  const onPrimary = async (query: string) =>
    (await kubectl.exec(primary, ["psql", "-h", "/run/postgresql", "-Atc", query])).trim();

  const needed = await onPrimary("SELECT pg_walfile_name(pg_current_wal_lsn())");
  await refusePods();
  await kubectl.delete(`pod/${replica}`, { wait: true });
  let mostBytes = 0;
  for (let written = 0; written < writtenBytes; written += chunkBytes) {
    // WAL and nothing else: no table grows by it.
    await database.sql(
      `SELECT count(pg_logical_emit_message(true, 'bulk', repeat('x', ${mebibyte}))) FROM generate_series(1, ${chunkBytes / mebibyte})`,
    );
    mostBytes = Math.max(mostBytes, Number(await onPrimary("SELECT sum(size) FROM pg_ls_waldir()")));
  }
  await eventually(`the primary has given up the WAL of ${replica}`, 30_000, async () => {
    // Not by its slot: Patroni removes one that is lost within seconds.
    const files = "pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'";
    return (await onPrimary(`SELECT min(name) > '${needed}' FROM ${files}`)) === "t";
  });
  await load.goesOn(20, 5_000);

  await admitPods();
  const back = performance.now();
  await untilInSync(kubectl, "studio", wholeWithinMs);
  const seconds = (performance.now() - back) / 1_000;
  const { missing, unanswered, said } = await accountOf(load, database);
  console.log(
    `a replica is away for ${writtenBytes / mebibyte} MiB of WAL: ${said}, at most ${(mostBytes / mebibyte).toFixed(0)} MiB of it on disk, whole ${seconds.toFixed(0)} s after its return`,
  );
  expect(missing).toEqual([]);
  expect(unanswered).toEqual([]);
  expect(mostBytes).toBeLessThan(volumeBytes / 2);
  expect(await lockOf(kubectl, "studio")).toMatchObject({ leader: primary, transitions });
  // The copy that fell behind is of no use: it was replaced, and nobody else's.
  const rebuilds = (await untilStemHub(kubectl, "studio")).status?.database?.rebuilds ?? [];
  expect(rebuilds.map(({ member }) => member)).toEqual([replica]);
}, 480_000);

/** Lets no pod be made in this namespace. A closed node would, too, and would move the roles of others' databases away. */
async function refusePods(): Promise<void> {
  await kubectl.apply({
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "no-more-pods" },
    spec: { hard: { pods: "0" } },
  });
  await kubectl.wait("resourcequota/no-more-pods", "jsonpath={.status.hard.pods}=0", 30_000);
}

async function admitPods(): Promise<void> {
  await kubectl.delete("resourcequota/no-more-pods");
}
