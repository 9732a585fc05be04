import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseClient } from "../support/database.ts";
import { eventually } from "../support/deadline.ts";
import { type Echo, echoComponent } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { describeLoad, type LoadResult, startLoad } from "../support/load.ts";
import { Musician } from "../support/musician.ts";
import { untilStemHub } from "../support/ready.ts";
import { stemHub } from "../support/studio.ts";
import { environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-app");

/** The example app, another app with other wishes on the same database, and an echo that scales. */
function studio(revision = "first") {
  const { images, storage } = environment();
  const secret = (name: string, key: string) => ({ secret: { name, key } });
  const fromStorage = (part: string) => ({ storage: { part } });
  const fromDatabase = (part: string) => ({ database: { endpoint: "readWrite", part } });
  return stemHub("studio", {
    release: {
      version: "1.0.0",
      images: { api: images.exampleApi, collaboration: images.exampleApi, updates: images.postgres },
      migrate: { tool: "prisma" },
    },
    database: { storage: { size: "1Gi" } },
    storage: {
      endpoint: storage.endpoint,
      bucket: storage.bucket,
      credentialsSecret: { name: "s3" },
      caConfigMap: { name: "s3-ca" },
    },
    components: {
      api: {
        env: [
          { name: "JWT_SECRET", ...secret("jwt", "secret") },
          { name: "S3_ENDPOINT", ...fromStorage("endpoint") },
          { name: "S3_BUCKET", ...fromStorage("bucket") },
          { name: "S3_REGION", ...fromStorage("region") },
          { name: "S3_ACCESS_KEY_ID", ...fromStorage("accessKeyId") },
          { name: "S3_SECRET_ACCESS_KEY", ...fromStorage("secretAccessKey") },
          { name: "S3_CA_FILE", ...fromStorage("caFile") },
          { name: "REVISION", value: revision },
        ],
      },
      collaboration: {
        command: ["python3", "/app/other_app.py"],
        replicas: { min: 1 },
        env: [
          { name: "DB_URL", database: { scheme: "postgresql+asyncpg" } },
          { name: "DB_HOST", ...fromDatabase("host") },
          { name: "DB_PORT", ...fromDatabase("port") },
          { name: "DB_NAME", ...fromDatabase("name") },
          { name: "DB_USER", ...fromDatabase("user") },
          { name: "DB_PASSWORD", ...fromDatabase("password") },
          { name: "DB_CA_FILE", ...fromDatabase("caFile") },
          { name: "LITERAL", value: "$(DB_PASSWORD) stays as it is" },
        ],
      },
      updates: echoComponent(revision, {
        replicas: { min: 1, max: 3 },
        autoscaling: { cpuPercent: 50, scaleUpStabilizationSeconds: 15, scaleDownStabilizationSeconds: 15 },
      }),
    },
    gateway: {
      replicas: 1,
      routes: [
        { path: "/", component: "api" },
        { path: "/whoami", component: "collaboration" },
        { path: "/updates/", component: "updates" },
      ],
    },
  });
}

let gateway: GatewayClient;
let musician: Musician;

beforeAll(async () => {
  const { accessKeyId, secretAccessKey, ca } = environment().storage;
  const opaque = (name: string, stringData: Record<string, string>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name },
    stringData,
  });
  await kubectl.apply(
    opaque("jwt", { secret: "a secret of thirty-two characters, or more" }),
    opaque("s3", { accessKeyId, secretAccessKey }),
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s3-ca" }, data: { "ca.crt": ca } },
    studio(),
  );
  await untilStemHub(kubectl, "studio");
  gateway = await GatewayClient.open(kubectl, "studio");
  musician = new Musician(gateway, "ada");
}, 240_000);

afterAll(() => gateway?.close());

describe("the example app", () => {
  test("its Prisma migration ran once, before it", async () => {
    const jobs = await kubectl.list("jobs", "app.kubernetes.io/component=migration");
    expect(jobs.map(({ status }) => (status as { succeeded?: number }).succeeded)).toEqual([1]);
  });

  test("a musician signs up, signs in, makes a project and reads it from a replica", async () => {
    await musician.signUp();
    await musician.signIn();
    const project = await musician.createProject("Blue Room");
    expect(await musician.readProject(project)).toEqual({ name: "Blue Room", servedBy: "replica" });
  });

  test("a stem goes to the object storage and comes back the same", async () => {
    const project = await musician.createProject("Red Room");
    const stem = Buffer.alloc(3 * 1024 * 1024, "stem");
    expect((await musician.storeAndFetch(project, stem)).equals(stem)).toBe(true);
  });
});

test("another app gets the same database in its own formats, over TLS that it can verify", async () => {
  const answer = (await gateway.expect(200, "/whoami")).json();
  const connection = { user: "stemhub_app_1", database: "stemhub", in_recovery: false, ssl: true };
  expect(answer).toEqual({ url: connection, parts: connection, literal: "$(DB_PASSWORD) stays as it is" });
});

test("given 20 requests per second, when both components roll, then none fails", async () => {
  const result = await underLoad("rolling update of two components", async () => {
    await kubectl.apply(studio("second"));
    await untilStemHub(kubectl, "studio");
    await eventually("the other component answers by its new pods", 30_000, async () => {
      return (await gateway.expect(200, "/updates/latest")).json<Echo>().greeting === "second";
    });
  });
  expect(result.sent).toBeGreaterThan(100);
  expect(result.failed).toEqual([]);
}, 180_000);

test("given 20 requests per second, when the app's password is rotated, then none fails, and the former login is closed", async () => {
  // It has the former login in its environment, and is nobody's component.
  const stranger = await databaseClient(kubectl, "studio", environment().images.postgres);
  const result = await underLoad("rotation of the app's password", async () => {
    await kubectl.run(["annotate", "stemhub/studio", "--overwrite", "stemhub.dev/rotate-password=first"]);
    await untilStemHub(kubectl, "studio", "jsonpath={.status.database.rotation.phase}=Done");
  });
  expect(result.failed).toEqual([]);
  expect((await gateway.expect(200, "/whoami")).json()).toMatchObject({ url: { user: "stemhub_app_2" } });
  expect((await kubectl.secret("studio-db-app")).username).toBe("stemhub_app_2");
  await expect(stranger.sql("SELECT 1")).rejects.toThrow(/not permitted to log in|password authentication failed/);
}, 180_000);

/** Lets something happen at 20 requests per second. */
async function underLoad(what: string, happens: () => Promise<void>): Promise<LoadResult> {
  let count = 0;
  const load = startLoad({
    perSecond: 20,
    deadlineMs: 5_000,
    request: async (signal) => {
      count += 1;
      // Of four requests one writes and one goes to the other component.
      if (count % 4 === 0)
        await gateway.expect(201, "/api/projects", { method: "POST", body: { name: `take ${count}` }, signal });
      else if (count % 4 === 1) await gateway.expect(200, "/updates/latest", { signal });
      else await gateway.expect(200, "/api/me", { signal });
    },
  });
  let result: LoadResult;
  try {
    await happens();
  } finally {
    result = await load.stop();
  }
  console.log(`${what} at 20 requests per second: ${describeLoad(result)}`);
  return result;
}

test("given load, when the autoscaler adds pods, then the operator does not take them away", async () => {
  const load = startLoad({
    perSecond: 60,
    deadlineMs: 10_000,
    request: async (signal) => {
      await gateway.request("/updates/latest", { signal });
    },
  });
  try {
    const began = performance.now();
    const scaled = await eventually("the autoscaler has asked for more than one pod", 90_000, async () => {
      const wanted = await replicas();
      return wanted > 1 && wanted;
    });
    console.log(`autoscaler: more than one pod after ${((performance.now() - began) / 1_000).toFixed(0)} s of load`);
    await kubectl.patch("stemhub/studio", { spec: { gateway: { limits: { timeoutSeconds: 61 } } } });
    await untilStemHub(kubectl, "studio");
    expect(await replicas()).toBeGreaterThanOrEqual(scaled);
  } finally {
    await load.stop();
  }
}, 180_000);

async function replicas(): Promise<number> {
  return ((await kubectl.get("deployment/studio-updates")).spec as { replicas: number }).replicas;
}
