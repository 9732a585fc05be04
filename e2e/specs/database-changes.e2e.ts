import { beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { type Account, accountOf, startLoad } from "../support/database-load.ts";
import { condition, untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-changes");
const base = { storage: { size: "1Gi" }, instances: 3 };
const parameters = { work_mem: "8MB", max_connections: "250" };
const requests = { cpu: "200m", memory: "200Mi" };
const limits = { memory: "900Mi" };
/** After the restart: what later changes leave as it is. */
const restarted = { ...base, parameters, resources: { requests, limits } };

let database: DatabaseClient;

beforeAll(async () => {
  await kubectl.apply(echoStemHub("studio", { spec: { database: { ...base, instances: 1 } } }));
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 180_000);

describe("given a writer and a reader", () => {
  test("when one becomes three, then writes wait for the first replica, and each has a second holder from then on", async () => {
    await underLoad("one becomes three", () => change(base));
    const seen = await untilStemHub(kubectl, "studio", "condition=DatabaseRedundant");
    expect(seen.status?.database).toMatchObject({ instances: 3, inSync: 3 });
  }, 120_000);

  test("when a parameter changes that can be reloaded, then all have it, and nobody notices", async () => {
    const before = await members();
    const { unanswered } = await underLoad("a parameter is reloaded", async () => {
      await change({ ...base, parameters: { work_mem: "8MB" } });
      for (const at of ["db", "db-ro"] as const) {
        await expect.poll(() => database.sql("SHOW work_mem", { at }), { timeout: 20_000 }).toBe("8MB");
      }
    });
    expect(unanswered).toEqual([]);
    expect(uids(await members())).toEqual(uids(before));
  });

  test("when a parameter and resources change that need a restart, then replicas restart first and the primary last", async () => {
    const before = await members();
    const formerPrimary = (await untilStemHub(kubectl, "studio")).status?.database?.primary;
    await underLoad("all three restart", () => change(restarted));
    const after = await members();
    for (const uid of uids(after)) expect(uids(before)).not.toContain(uid);
    for (const pod of after) expect(pod.spec).toMatchObject({ containers: [{ resources: { requests, limits } }] });
    const lastStarted = after.toSorted((a, b) => started(a).localeCompare(started(b))).at(-1)?.metadata.name;
    expect(lastStarted).toBe(formerPrimary);
    for (const at of ["db", "db-ro"] as const) expect(await database.sql("SHOW max_connections", { at })).toBe("250");
  }, 180_000);

  test("when three become five and three again, then nobody notices", async () => {
    const { unanswered } = await underLoad("three become five and three again", async () => {
      await change({ ...restarted, instances: 5 });
      expect(await members()).toHaveLength(5);
      await change(restarted);
      expect(await members()).toHaveLength(3);
    });
    expect(unanswered).toEqual([]);
  }, 180_000);
});

test("given a value that PostgreSQL would refuse, then the status says so and the database is left as it is", async () => {
  const before = await members();
  const bad = { ...restarted, parameters: { ...parameters, work_mem: "banana" } };
  await kubectl.apply(echoStemHub("studio", { spec: { database: bad } }));
  const stemhub = await untilStemHub(kubectl, "studio", "condition=Stalled", 20_000);
  expect(condition(stemhub, "Stalled")).toMatchObject({ reason: "InvalidParameters" });
  expect(condition(stemhub, "Stalled")?.message).toContain("work_mem: banana is not a number");
  expect(uids(await members())).toEqual(uids(before));
  expect(await database.sql("SHOW work_mem")).toBe("8MB");
});

/** Applies a database's spec, and waits until the StemHub is Ready with it. */
async function change(spec: object): Promise<void> {
  await kubectl.apply(echoStemHub("studio", { spec: { database: spec } }));
  await untilStemHub(kubectl, "studio");
}

/** Lets something happen under load; what was acknowledged is there afterwards. Returns both programs' errors. */
async function underLoad(what: string, happens: () => Promise<void>): Promise<Account> {
  const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
  const began = performance.now();
  await happens();
  const seconds = (performance.now() - began) / 1_000;
  await load.goesOn(20, 30_000);
  const account = await accountOf(load, database);
  console.log(`${what}: ${seconds.toFixed(0)} s, ${account.said}`);
  expect(account.missing).toEqual([]);
  return account;
}

function members(): Promise<KubeObject[]> {
  return kubectl.list("pods", "stemhub.dev/database=studio-db");
}

function uids(pods: readonly KubeObject[]): string[] {
  return pods.map((pod) => pod.metadata.uid ?? "");
}

function started(pod: KubeObject): string {
  return (pod.status as { startTime?: string } | undefined)?.startTime ?? "";
}
