import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { eventually } from "../support/deadline.ts";
import { type Echo, echoComponent } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { condition, untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-release");
const jobs = "app.kubernetes.io/instance=songs,app.kubernetes.io/component=migration";

/** A release of an api that tells which one it is. */
function release(version: string, migrate: Record<string, unknown>) {
  return echoStemHub("songs", {
    spec: {
      release: { version, images: { api: environment().images.postgres }, migrate },
      components: { api: echoComponent(version, { replicas: { min: 2 } }) },
    },
  });
}

/** A release that is migrated by SQL files. */
async function sqlRelease(version: string, files: Record<string, string>) {
  const name = `sql-${version.replaceAll(".", "-")}`;
  await kubectl.apply(
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: files },
    release(version, { tool: "sql", sql: { configMap: name } }),
  );
}

let database: DatabaseClient;
let gateway: GatewayClient;

beforeAll(async () => {
  await sqlRelease("1.0.0", {
    "002-rows.sql": "INSERT INTO songs (title) VALUES ('Blue Room');",
    "001-tables.sql": "CREATE TABLE songs (id serial PRIMARY KEY, title text);",
  });
  await untilStemHub(kubectl, "songs");
  database = await databaseClient(kubectl, "songs", environment().images.postgres);
  gateway = await GatewayClient.open(kubectl, "songs");
}, 180_000);

afterAll(() => gateway?.close());

describe("a migration by SQL files", () => {
  test("ran before the app's first pod, in order of name, as the migrator", async () => {
    const [job] = await kubectl.list("jobs", jobs);
    const { completionTime = "" } = (job?.status ?? {}) as { completionTime?: string };
    for (const pod of await apiPods()) {
      expect(Date.parse(pod.metadata.creationTimestamp ?? "")).toBeGreaterThanOrEqual(Date.parse(completionTime));
    }
    expect(await database.sql("SELECT title FROM songs")).toBe("Blue Room");
    expect(await database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'songs'")).toBe("stemhub_owner");
  });

  test("runs once a release: neither an edit nor the loss of its Job repeats it", async () => {
    await kubectl.patch("stemhub/songs", { spec: { components: { api: { replicas: { min: 1 } } } } });
    await untilStemHub(kubectl, "songs");
    await kubectl.patch("stemhub/songs", { spec: { components: { api: { replicas: { min: 2 } } } } });
    await untilStemHub(kubectl, "songs");
    expect(await database.sql("SELECT count(*) FROM songs")).toBe("1");
    expect(await kubectl.list("jobs", jobs)).toHaveLength(1);
    await kubectl.delete(`jobs -l ${jobs}`);
    await kubectl.patch("stemhub/songs", { spec: { components: { api: { replicas: { min: 1 } } } } });
    await untilStemHub(kubectl, "songs");
    expect(await kubectl.list("jobs", jobs)).toEqual([]);
    expect(await database.sql("SELECT count(*) FROM songs")).toBe("1");
  }, 60_000);
});

describe("given a release whose migration fails", () => {
  beforeAll(async () => {
    await sqlRelease("1.1.0", {
      "001-begin.sql": "ALTER TABLE songs ADD COLUMN key text;",
      "002-broken.sql": "ALTER TABLE albums ADD COLUMN year int;",
    });
    await untilStemHub(kubectl, "songs", "condition=Stalled", 90_000);
  }, 100_000);

  test("then status and an event hold its last words", async () => {
    const stemhub = await untilStemHub(kubectl, "songs", "condition=Stalled", 10_000);
    expect(condition(stemhub, "Ready")).toMatchObject({ status: "False", reason: "MigrationFailed" });
    expect(stemhub.status?.release).toMatchObject({ version: "1.0.0", migration: { phase: "Failed" } });
    expect(stemhub.status?.release?.migration?.logTail).toMatch(/relation "albums" does not exist/);
    await eventually("an event tells the failure", 15_000, async () => {
      const events = await kubectl.list("events.events.k8s.io");
      return events.some(({ note, type }) => type === "Warning" && /albums/.test(String(note)));
    });
  });

  test("then no pod of it starts, and the former release serves on", async () => {
    expect((await gateway.expect(200, "/")).json<Echo>().greeting).toBe("1.0.0");
    expect(JSON.stringify(await apiPods())).not.toContain("1.1.0");
  });

  test("when a release that works is applied, then it is migrated and rolled out", async () => {
    await sqlRelease("1.1.1", {
      "001-fixed.sql":
        "CREATE TABLE albums (id serial PRIMARY KEY); ALTER TABLE songs ADD COLUMN IF NOT EXISTS key text;",
    });
    const stemhub = await untilStemHub(kubectl, "songs");
    expect(stemhub.status?.release).toMatchObject({ version: "1.1.1", migration: { phase: "Succeeded" } });
    expect(condition(stemhub, "Stalled")).toBeUndefined();
    // A pod of the former release, on its way out, still answers what is under way to it.
    await eventually("the new release answers", 10_000, async () => {
      return (await gateway.expect(200, "/")).json<Echo>().greeting === "1.1.1";
    });
    expect(await database.sql("SELECT count(*) FROM songs WHERE key IS NULL")).toBe("1");
  }, 120_000);
});

test("a migration by a command has DATABASE_URL of the migrator, on the primary", async () => {
  const statement = "CREATE TABLE by_command AS SELECT session_user::text AS who, pg_is_in_recovery() AS replica";
  await kubectl.apply(
    release("1.2.0", {
      tool: "command",
      command: ["bash", "-c", `psql --no-psqlrc -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "${statement}"`],
    }),
  );
  await untilStemHub(kubectl, "songs");
  expect(await database.sql("SELECT who, replica FROM by_command")).toBe("stemhub_migrator|f");
}, 90_000);

function apiPods() {
  return kubectl.list("pods", "app.kubernetes.io/instance=songs,app.kubernetes.io/component=api");
}
