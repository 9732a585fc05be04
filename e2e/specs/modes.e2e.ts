import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Echo, echoComponent } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { memberPods, signalPostgres } from "../support/members.ts";
import { followMode, modeOf, refusal, untilMode } from "../support/mode.ts";
import { untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* What people are told, and what they can still do, while a part of the platform does not work. */
const kubectl = inNamespace("e2e-modes");
const sentences = {
  database: "Your work is safe. Changes are paused and will be possible again shortly",
  storage: "Working offline - changes will sync when reconnected",
  collaboration: "Live collaboration is paused - your own work is saved as usual",
};
const routes = [
  { path: "/", component: "api" },
  { path: "/payments/", component: "api", writes: "Critical" },
  { path: "/uploads/", component: "api", capability: "storage" },
  { path: "/live/", component: "collaboration", capability: "collaboration" },
];

const studio = (modes: object = {}, bucket = environment().storage.bucket) => {
  const { postgres: image } = environment().images;
  const { endpoint } = environment().storage;
  return echoStemHub("studio", {
    spec: {
      release: { version: "1.0.0", images: { api: image, collaboration: image } },
      database: { storage: { size: "1Gi" } },
      storage: {
        endpoint,
        bucket,
        credentialsSecret: { name: "s3" },
        caConfigMap: { name: "s3-ca" },
      },
      components: { api: echoComponent("api"), collaboration: echoComponent("collaboration") },
      gateway: { replicas: 2, routes },
      modes: {
        probes: { collaboration: { path: "/probe", periodSeconds: 1 }, storage: { periodSeconds: 2 } },
        ...modes,
      },
    },
  });
};

let gateway: GatewayClient;

beforeAll(async () => {
  const { accessKeyId, secretAccessKey, ca } = environment().storage;
  const [keys, authority] = [{ accessKeyId, secretAccessKey }, { "ca.crt": ca }];
  await kubectl.apply(
    { apiVersion: "v1", kind: "Secret", metadata: { name: "s3" }, stringData: keys },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s3-ca" }, data: authority },
    studio(),
  );
  await untilStemHub(kubectl, "studio");
  gateway = await GatewayClient.open(kubectl, "studio");
  await untilMode(gateway, "Normal", 30_000, ({ mode }) => mode === "Normal");
}, 180_000);

afterAll(() => gateway?.close());

test("while all is well, every answer says so, and nothing is held up", async () => {
  for (const path of ["/", "/payments/1", "/uploads/a", "/live/room", "/no-such-page?status=404"]) {
    const { headers } = await gateway.request(path);
    const epoch = expect.stringMatching(/^\d+$/);
    expect(headers).toMatchObject({ "x-stemhub-mode": "Normal", "x-stemhub-mode-epoch": epoch });
    expect(headers).not.toHaveProperty("x-stemhub-capabilities");
  }
  await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
});

test("a client cannot pretend to be the gateway", async () => {
  const headers = { "x-stemhub-user": "admin", "x-stemhub-mode": "Normal", "x-stemhub-assertion": "x" };
  const echo = (await gateway.expect(200, "/", { headers })).json<Echo>();
  expect(Object.keys(echo.headers).filter((name) => name.startsWith("x-stemhub-"))).toEqual([]);
});

test("given an app that finds the database read-only before anybody else, then its users read the same sentence", async () => {
  const answer = await gateway.expect(503, "/songs?status=503&error=read-only", { method: "POST", body: {} });
  expect(refusal(answer)).toMatchObject({ status: 503, detail: sentences.database, capability: "database" });
  expect(answer.headers).not.toHaveProperty("x-stemhub-error");
});

describe("a mode that is set by hand", () => {
  const override = { mode: "ReadOnly", reason: "we move house" };

  test.each([
    ["a reason", { mode: "ReadOnly", expires: "2030-01-01T00:00:00Z" }, "reason"],
    ["an end", override, "expires"],
  ])("is refused without %s", async (_, incomplete, missing) => {
    expect(await kubectl.refused(studio({ override: incomplete }))).toContain(missing);
  });

  test("given ReadOnly, then reads go on, writes are refused with a sentence, and it ends by itself", async () => {
    const following = followMode(gateway);
    const { epoch } = await modeOf(gateway);
    const expires = `${new Date(Date.now() + 40_000).toISOString().slice(0, 19)}Z`;
    await kubectl.apply(studio({ override: { ...override, expires } }));
    await untilMode(gateway, "ReadOnly", 20_000, ({ mode }) => mode === "ReadOnly");

    await gateway.expect(200, "/songs");
    const answer = await gateway.expect(503, "/songs", { method: "POST", body: { title: "Blue Room" } });
    expect(refusal(answer)).toMatchObject({ detail: sentences.database, capability: "database", mode: "ReadOnly" });
    expect(answer.headers).toMatchObject({
      "x-stemhub-mode": "ReadOnly",
      "x-stemhub-capabilities": expect.stringContaining("database=ReadOnly"),
    });
    refusal(await gateway.expect(503, "/payments/1", { method: "POST", body: {} }));
    const { status } = await untilStemHub(kubectl, "studio", "jsonpath={.status.modes.mode}=ReadOnly", 5_000);
    expect(status?.modes).toMatchObject({ override: { mode: "ReadOnly" } });

    await untilMode(gateway, "Normal again", 60_000, ({ mode }) => mode === "Normal");
    await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
    const seen = await following.end();
    const epochs = seen.map((document) => document.epoch);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    expect(epochs.at(-1)).toBeGreaterThan(epoch);
    expect(seen.map(({ mode }) => mode)).toEqual(expect.arrayContaining(["ReadOnly", "Normal"]));
  }, 120_000);
});

test("given collaboration that fails, then its routes say at once what to do, all else goes on, and it comes back by itself", async () => {
  await gateway.expect(200, "/live/fail/15", { method: "POST" });
  await untilMode(gateway, "Degraded", 15_000, ({ mode }) => mode === "Degraded");
  const answer = await gateway.expect(503, "/live/room");
  expect(refusal(answer)).toMatchObject({ detail: sentences.collaboration, capability: "collaboration" });
  await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
  await untilMode(gateway, "Normal again", 60_000, ({ mode }) => mode === "Normal");
  await gateway.expect(200, "/live/room");
}, 90_000);

test("given storage that does not work, then uploads are refused with a way to go on, and all else goes on", async () => {
  await kubectl.apply(studio({}, "no-such-bucket"));
  await untilMode(gateway, "without storage", 60_000, ({ capabilities }) => capabilities.storage.mode !== "Normal");
  const upload = { method: "PUT", body: Buffer.alloc(1024) } as const;
  const answer = await gateway.expect(503, "/uploads/song.wav", upload);
  expect(refusal(answer)).toMatchObject({ detail: sentences.storage, capability: "storage" });
  await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
  await kubectl.apply(studio());
  await untilMode(gateway, "Normal again", 60_000, ({ mode }) => mode === "Normal");
  await gateway.expect(200, "/uploads/song.wav", upload);
}, 180_000);

test("given standbys that hang, so that no write is acknowledged, then reads go on, writes are refused within seconds, and it heals", async () => {
  const { primary } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};
  const standbys = (await memberPods(kubectl, "studio")).filter((pod) => pod !== primary);
  const signal = (name: "STOP" | "CONT") => Promise.all(standbys.map((pod) => signalPostgres(kubectl, pod, name)));
  const began = performance.now();
  await signal("STOP");
  try {
    await untilMode(gateway, "ReadOnly", 20_000, ({ mode }) => mode === "ReadOnly");
    console.log(`both standbys hang: users are told after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    await gateway.expect(200, "/songs");
    const answer = await gateway.expect(503, "/songs", { method: "POST", body: {} });
    expect(refusal(answer)).toMatchObject({ detail: sentences.database });
  } finally {
    await signal("CONT");
  }
  await untilMode(gateway, "Normal again", 60_000, ({ mode }) => mode === "Normal");
  const { status } = await untilStemHub(kubectl, "studio");
  const flips = status?.modes?.flips.map(({ capability, to }) => `${capability} ${to}`) ?? [];
  expect(flips).toContain("database ReadOnly");
  expect(flips.at(-1)).toBe("database Normal");
}, 180_000);
