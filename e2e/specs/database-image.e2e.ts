import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseCluster } from "../cluster/choose.ts";
import type { Image } from "../cluster/cluster.ts";
import { imageAlias, removeAlias } from "../cluster/image-alias.ts";
import { buildImages } from "../cluster/images.ts";
import { silentProgress } from "../progress.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { operatorRelease } from "../support/namespace.ts";
import { untilStemHub } from "../support/ready.ts";
import { sharedStudio } from "../support/shared-studio.ts";
import { adminKubectl, environment } from "../support/suite.ts";

/* The operator is given another image of PostgreSQL 17, as an upgrade of its chart does: every database of the cluster follows. */
const kubectl = sharedStudio();
const system = adminKubectl().in(operatorRelease.namespace);

let database: DatabaseClient;
let other: Image | undefined;

beforeAll(async () => {
  const { cluster } = await chooseCluster();
  const [image] = await buildImages(["postgres"], silentProgress);
  if (!image) throw new Error("there is no image of PostgreSQL");
  const alias = await imageAlias(image, `${image.ref}-again`);
  other = alias;
  await cluster.loadImages([alias], silentProgress);
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 240_000);

afterAll(async () => {
  // First: its members need not restart once more.
  await kubectl.delete("stemhub/studio", { wait: true });
  await giveOperator(environment().images.postgres);
  if (other) await removeAlias(other);
}, 120_000);

test("given a writer and a reader, when the image changes, then replicas restart first, the primary last, and nothing is lost", async () => {
  await untilInSync(kubectl, "studio", 30_000);
  const { ref = "" } = other ?? {};
  const { primary } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};
  const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
  const began = performance.now();
  await giveOperator(ref);
  await eventually("every member runs the other image", 120_000, async () => {
    const pods = await kubectl.list("pods", "stemhub.dev/database=studio-db");
    return pods.length === 3 && pods.every(({ spec }) => JSON.stringify(spec).includes(ref));
  });
  await untilStemHub(kubectl, "studio");
  const seconds = (performance.now() - began) / 1_000;
  await load.goesOn(20, 30_000);
  const { missing, said } = await accountOf(load, database);
  console.log(`another image of PostgreSQL 17: ${seconds.toFixed(0)} s, ${said}`);
  expect(missing).toEqual([]);
  expect((await untilStemHub(kubectl, "studio")).status?.database?.switchover).toMatchObject({ cause: "Restart" });
  const pods = await kubectl.list("pods", "stemhub.dev/database=studio-db");
  const started = ({ status }: (typeof pods)[number]) => (status as { startTime?: string }).startTime ?? "";
  const last = pods.toSorted((a, b) => started(a).localeCompare(started(b))).at(-1)?.metadata.name;
  expect(last).toBe(primary);
}, 240_000);

/** As `helm upgrade --set images.postgres=…` does, and waits for the operator's new pods. */
async function giveOperator(image: string): Promise<void> {
  const name = `deployment/${operatorRelease.name}`;
  const { spec } = await system.get(name);
  const { template } = spec as { template: { spec: { containers: { args: string[] }[] } } };
  const index = template.spec.containers[0]?.args.findIndex((arg) => arg.startsWith("--postgres-image=")) ?? -1;
  if (index < 0) throw new Error("the operator has no flag --postgres-image");
  const path = `/spec/template/spec/containers/0/args/${index}`;
  const patch = [{ op: "replace", path, value: `--postgres-image=${image}` }];
  await system.run(["patch", name, "--type=json", "-p", JSON.stringify(patch)]);
  await system.run(["rollout", "status", name, "--timeout=90s"], { deadlineMs: 100_000 });
}
