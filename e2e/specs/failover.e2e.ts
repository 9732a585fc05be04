import { afterAll, beforeAll, expect, test } from "vitest";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { databaseFaults, type FaultyDatabase, faultyStemHub } from "../support/database-faults.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { privilegedNamespace } from "../support/node-process.ts";
import { untilStemHub } from "../support/ready.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-failover");

/** Where pods may do to a node what faults do. */
const faultNamespace = "e2e-nodes";

let database: DatabaseClient;
let faulty: FaultyDatabase;

beforeAll(async () => {
  await kubectl.apply(echoStemHub("studio", { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, "studio");
  const { postgres: image } = environment().images;
  database = await databaseClient(kubectl, "studio", image);
  faulty = faultyStemHub(kubectl, "studio", { image, nodes: await privilegedNamespace(kubectl, faultNamespace) });
}, 180_000);

afterAll(() => adminKubectl().delete(`namespace/${faultNamespace}`));

test.each(databaseFaults)(
  "given a writer and a reader, when $fault, then nothing acknowledged is lost and all three are in sync again",
  async ({ fault, wholeWithinSeconds, told, happens }) => {
    await untilInSync(kubectl, "studio", 30_000);
    const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
    const { primary } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};

    const began = performance.now();
    await happens(faulty, primary ?? "");
    await load.feltByWriter(wholeWithinSeconds * 1_000);
    await load.goesOn(20, wholeWithinSeconds * 1_000);
    await untilInSync(kubectl, "studio", wholeWithinSeconds * 1_000);
    const seconds = (performance.now() - began) / 1_000;

    const { missing, said } = await accountOf(load, database);
    console.log(`${fault}: ${said}, whole after ${seconds.toFixed(0)} s`);
    expect(missing).toEqual([]);
    expect(seconds).toBeLessThan(wholeWithinSeconds);
    if (told) {
      const events = await kubectl.list("events.events.k8s.io");
      expect(events.map(({ reason }) => reason)).toContain(told);
    }
  },
  240_000,
);
