import { beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { chooseCluster } from "../cluster/choose.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { condition, untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* Volumes that grow while the database serves, and volumes whose class does not let them. */
const kubectl = inNamespace("e2e-volumes");
const [small, large] = ["512Mi", "768Mi"];
const mebibyte = 2 ** 20;

let database: DatabaseClient;

const apply = (name: string, spec: object) => kubectl.apply(echoStemHub(name, { spec: { database: spec } }));
const grows = (className: string, size: string) => apply("studio", { instances: 3, storage: { className, size } });
/** On the default class, which has no sizes and lets none grow: one instance is enough to be refused. */
const stays = (size: string) => apply("rigid", { instances: 1, storage: { size } });

let diskClass: string;

beforeAll(async () => {
  ({ diskClass } = (await chooseCluster()).cluster);
  await Promise.all([grows(diskClass, small), stays("1Gi")]);
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 180_000);

describe("given a writer and a reader, and a class that lets volumes grow", () => {
  test("when the spec asks for larger volumes, then all members have them, and nobody notices", async () => {
    const before = await pods();
    for (const pod of before) expect(await diskBytes(pod)).toBeLessThan(512 * mebibyte);
    const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
    const began = performance.now();
    await grows(diskClass, large);
    const { status } = await untilStemHub(kubectl, "studio");
    const seconds = (performance.now() - began) / 1_000;
    await load.goesOn(20, 30_000);
    const { missing, unanswered, said } = await accountOf(load, database);
    console.log(`volumes grow from ${small} to ${large}: ${seconds.toFixed(0)} s, ${said}`);
    expect(missing).toEqual([]);
    expect(unanswered).toEqual([]);
    expect(status?.database?.volumeSize).toBe(large);
    // Of the new size, less what the filesystem keeps for itself; and in the same pods.
    for (const pod of before) expect(await diskBytes(pod)).toBeGreaterThan(640 * mebibyte);
    expect((await pods()).map(({ metadata }) => metadata.uid)).toEqual(before.map(({ metadata }) => metadata.uid));
    await expect
      .poll(() => database.sql("SHOW max_slot_wal_keep_size", { at: "db-rw" }), { timeout: 20_000 })
      .toBe("192MB");
  });

  test("when a copy is made anew, then its volume is born small and grows to the same size", async () => {
    const { primary } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};
    const replica = (await pods()).find(({ metadata }) => metadata.name !== primary);
    const name = replica?.metadata.name ?? "";
    const claim = `persistentvolumeclaim/data-${name}`;
    const former = (await kubectl.get(claim)).metadata.uid;
    await kubectl.delete(claim);
    await kubectl.delete(`pod/${name}`, { force: true });
    await eventually(`${name} has another volume, of ${large}`, 60_000, async () => {
      const { metadata, status } = await kubectl.get(claim);
      const { capacity } = status as { capacity?: { storage?: string } };
      return metadata.uid !== former && capacity?.storage === large;
    });
    const anew = await eventually(`${name} is ready again`, 60_000, async () => {
      const pod = await kubectl.get(`pod/${name}`);
      const { conditions = [] } = pod.status as { conditions?: { type: string; status: string }[] };
      const ready = conditions.some(({ type, status }) => type === "Ready" && status === "True");
      return pod.metadata.uid !== replica?.metadata.uid && ready && pod;
    });
    expect(await diskBytes(anew)).toBeGreaterThan(640 * mebibyte);
    await untilInSync(kubectl, "studio", 60_000);
  }, 200_000);

  test("then a smaller size is refused with a sentence", async () => {
    const { spec } = echoStemHub("studio", { spec: { database: { storage: { className: diskClass, size: small } } } });
    const sentence = await kubectl.refused({ ...echoStemHub("studio"), spec });
    expect(sentence).toContain(`database.storage.size cannot shrink from ${large} to ${small}: volumes only grow`);
  });
});

test("given a class that lets no volume grow, then the StemHub says so and serves on, and the former size heals it", async () => {
  await untilStemHub(kubectl, "rigid");
  await stays("2Gi");
  const stalled = await untilStemHub(kubectl, "rigid", "condition=Stalled", 20_000);
  expect(condition(stalled, "Ready")).toMatchObject({ status: "False", reason: "VolumeNotExpandable" });
  expect(condition(stalled, "Stalled")?.message).toMatch(/data-rigid-db-0.*must support resize.*back to 1Gi/);
  expect(condition(stalled, "DatabaseAvailable")).toMatchObject({ status: "True" });
  const rigid = await databaseClient(kubectl, "rigid", environment().images.postgres);
  expect(await rigid.sql("SELECT 1")).toBe("1");
  await stays("1Gi");
  await untilStemHub(kubectl, "rigid");
});

function pods(): Promise<KubeObject[]> {
  return kubectl.list("pods", "stemhub.dev/database=studio-db");
}

/** How large the filesystem is that PostgreSQL writes to. */
async function diskBytes({ metadata }: KubeObject): Promise<number> {
  const text = await kubectl.exec(metadata.name, ["df", "--output=size", "--block-size=1", "/data"]);
  return Number(text.split("\n")[1]);
}
