import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseCluster } from "../cluster/choose.ts";
import { clientPod, connectionString, type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { memberPods, signalPostgres } from "../support/members.ts";
import { condition, type SeenStemHub, untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* What looks healthy from outside and is not: the operator asks the database itself. */
const kubectl = inNamespace("e2e-strain");
const image = () => environment().images.postgres;

/** A round of the probe, its judgement after three writes, a pass. */
const noticedMs = 30_000;

let database: DatabaseClient;

beforeAll(async () => {
  const spec = {
    storage: { size: "1Gi" },
    parameters: { max_connections: "30" },
    longTransactionSeconds: 10,
  };
  await kubectl.apply(echoStemHub("studio", { spec: { database: { ...spec, instances: 3 } } }));
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", image());
}, 180_000);

test("given a session that forgets its transaction, then an event and the status tell its pid and age", async () => {
  const forgetful = `connection.cursor().execute("SELECT txid_current()"); pid = connection.info.backend_pid`;
  await session("forgetful", `${forgetful}; print("pid", pid)`, { autocommit: false });
  const pid = await eventually("the session says who it is", 15_000, async () => {
    return /pid (\d+)/.exec(await kubectl.logs("forgetful"))?.[1];
  });
  const warning = await warned("LongTransaction", 10_000 + noticedMs);
  expect(warning.about).toBe(`pid ${pid}`);
  expect(warning.message).toMatch(new RegExp(`pid ${pid} \\(stemhub_app_1, .*idle in transaction\\) .* for \\d+ s`));
  await eventually("an event tells it", 10_000, async () => {
    const events = await kubectl.list("events.events.k8s.io");
    return events.some(({ reason, note }) => reason === "LongTransaction" && String(note).includes(`pid ${pid}`));
  });
  await kubectl.delete("pod/forgetful", { force: true });
  await noLonger("LongTransaction");
}, 90_000);

test("given an app that takes every connection, then that is told while nobody else gets in, and withdrawn afterwards", async () => {
  const take = `
more = []
try:
    while True: more.append(psycopg2.connect(dsn))
except Exception as error: print("refused:", error)`;
  await session("greedy", take);
  try {
    const warning = await warned("ConnectionsExhausted", noticedMs);
    expect(warning.message).toMatch(/^(19|2\d) of 21 connections are taken/);
    expect(condition(await studio(), "DatabaseAvailable")).toMatchObject({ status: "True" });
  } finally {
    await kubectl.delete("pod/greedy", { force: true });
  }
  await noLonger("ConnectionsExhausted");
}, 90_000);

describe("given a writer and a reader", () => {
  test("when both standbys hang, then reads go on, writes wait, and the status says why; when they go on, nothing is lost", async () => {
    await untilInSync(kubectl, "studio", 30_000);
    const load = await startLoad(kubectl, "studio", { image: image(), database });
    const { primary } = (await studio()).status?.database ?? {};
    const standbys = (await memberPods(kubectl, "studio")).filter((pod) => pod !== primary);
    const signal = (name: "STOP" | "CONT") => Promise.all(standbys.map((pod) => signalPostgres(kubectl, pod, name)));
    const began = performance.now();
    await signal("STOP");
    try {
      const seen = await untilStemHub(kubectl, "studio", "condition=DatabaseAvailable=False", noticedMs);
      console.log(`both standbys hang: told after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
      expect(condition(seen, "DatabaseAvailable")?.reason).toMatch(/^(NoStandby|WritesNotAnswered)$/);
      expect(await database.sql("SELECT 1")).toBe("1");
    } finally {
      await signal("CONT");
    }
    await load.goesOn(20, 30_000);
    await untilStemHub(kubectl, "studio", "condition=DatabaseAvailable", noticedMs);
    await untilInSync(kubectl, "studio", 60_000);
    const { missing, said } = await accountOf(load, database);
    console.log(`both standbys hang: ${said}`);
    expect(missing).toEqual([]);
  }, 150_000);
});

describe("given a volume that fills", () => {
  const pod = "disk-db-0";
  let disk: DatabaseClient;
  let startedAt: string;

  beforeAll(async () => {
    const { diskClass: className } = (await chooseCluster()).cluster;
    await kubectl.apply(
      echoStemHub("disk", { spec: { database: { instances: 1, storage: { size: "512Mi", className } } } }),
    );
    await untilStemHub(kubectl, "disk");
    disk = await databaseClient(kubectl, "disk", image());
    await disk.sql("CREATE TABLE songs (title text); INSERT INTO songs VALUES ('Blue Room')", { as: "migrator" });
    startedAt = await disk.sql("SELECT pg_postmaster_start_time()");
  }, 180_000);

  test("when 80 % of it are taken, then that is a warning, and writes go on", async () => {
    await fill(82);
    const warning = await warned("VolumeFilling", noticedMs, "disk");
    expect(warning.message).toMatch(/^The volume of disk-db-0 is 8\d % full/);
    expect(await disk.sql("INSERT INTO songs VALUES ('Red Room')")).toBe("");
  }, 60_000);

  test("when 90 % of it are taken, then the database is read-only, and says why", async () => {
    const began = performance.now();
    await fill(92);
    const seen = await untilStemHub(kubectl, "disk", "condition=DatabaseAvailable=False", noticedMs);
    expect(condition(seen, "DatabaseAvailable")).toMatchObject({ reason: "VolumeFull" });
    expect(condition(seen, "Ready")).toMatchObject({ status: "False", reason: "VolumeFull" });
    await eventually("a write is refused", 15_000, async () => {
      const refusal = await disk.sql("INSERT INTO songs VALUES ('Green Room')").then(() => "", String);
      return refusal.includes("cannot execute INSERT in a read-only transaction");
    });
    console.log(`volume 92 % full: read-only after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
    expect(await disk.sql("SELECT count(*) >= 2 FROM songs")).toBe("t");
    // Whoever means to make room says so.
    expect(
      await disk.sql("SET default_transaction_read_only = off; DELETE FROM songs WHERE title = 'Green Room'"),
    ).toBe("");
  }, 90_000);

  test("when there is room again, then it takes writes, and PostgreSQL never stopped", async () => {
    await kubectl.exec(pod, ["rm", "/data/ballast"]);
    await untilStemHub(kubectl, "disk", "condition=Ready", 30_000);
    await eventually("a write is taken", 15_000, async () => {
      return (await disk.sql("INSERT INTO songs VALUES ('Green Room')")) === "";
    });
    expect((await studio("disk")).status?.database?.warnings).toBeUndefined();
    expect(await disk.sql("SELECT pg_postmaster_start_time()")).toBe(startedAt);
  }, 60_000);

  /** Until so much of the volume is taken, by something that is not PostgreSQL's. */
  async function fill(percent: number): Promise<void> {
    const script = `
      read -r block blocks available < <(stat --file-system --format='%S %b %a' /data)
      more=$(( (blocks * ${percent} / 100 - (blocks - available)) * block ))
      touch /data/ballast
      fallocate --offset "$(stat --format=%s /data/ballast)" --length "$more" /data/ballast`;
    await kubectl.exec(pod, ["bash", "-euc", script]);
  }
});

afterAll(() => kubectl.delete("pod/forgetful pod/greedy", { force: true }));

/** A pod that signs in as the app, does something, and stays. `dsn` and `connection` are there. */
async function session(name: string, then: string, { autocommit = true } = {}): Promise<void> {
  const program = `
import os, time, psycopg2
os.environ["PGPASSWORD"] = os.environ["app_password"]
dsn = "${connectionString(kubectl, "studio", "db")} user=" + os.environ["app_username"]
connection = psycopg2.connect(dsn)
connection.autocommit = ${autocommit ? "True" : "False"}
${then}
time.sleep(3600)`;
  await kubectl.apply(
    clientPod({ name, stemhub: "studio", image: image(), command: ["python3", "-u", "-c", program] }),
  );
}

async function studio(name = "studio"): Promise<SeenStemHub> {
  return (await kubectl.get(`stemhub/${name}`)) as SeenStemHub;
}

async function warned(reason: string, deadlineMs: number, name = "studio") {
  return eventually(`the status warns of ${reason}`, deadlineMs, async () => {
    return (await studio(name)).status?.database?.warnings?.find((warning) => warning.reason === reason);
  });
}

async function noLonger(reason: string): Promise<void> {
  await eventually(`the status no longer warns of ${reason}`, noticedMs, async () => {
    return !(await studio()).status?.database?.warnings?.some((warning) => warning.reason === reason);
  });
}
