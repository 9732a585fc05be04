import type { Server } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DatabaseMode } from "../../../operator/api/mode-document.ts";
import { TestGateway } from "../../../workloads/gateway/testing/gateway.ts";
import { claims, keySet, mint } from "../../../workloads/gateway/testing/token/mint.ts";
import { createQueueServer, listen } from "../../../workloads/queue/server.ts";
import { TestApp } from "../../../workloads/queue/testing/app.ts";
import { NatsServers } from "../../../workloads/queue/testing/nats.ts";
import { aKeyRing, eventually, modeData, TestQueue } from "../../../workloads/queue/testing/queue.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { createAuthority, issueCertificate } from "../pki/certificates.ts";
import { queueConfiguration } from "../queue/configuration.ts";
import { authFile } from "./auth.ts";
import { nginxConfiguration } from "./nginx.ts";

/* The gateway before the real queue with a real nats-server, and an app that applies. */

const path = "/api/projects/7";
const stemhub = aStemHub({
  auth: { issuer: claims.iss, audience: claims.aud, jwks: { component: "api", path: "/keys" } },
  queue: { replicas: 1 },
  gateway: {
    routes: [
      {
        path: "/api/",
        component: "api",
        access: "User",
        writes: "Queue",
        queue: { aggregate: "/api/projects/{id}", idempotency: "key" },
      },
    ],
  },
});
const queueHost = "studio-queue.music.svc.cluster.local";
const keys = aKeyRing();
const app = new TestApp();
let nats: NatsServers;
let queue: TestQueue;
let server: Server;
let gateway: TestGateway;

beforeAll(async () => {
  const { queue: spec } = stemhub.spec;
  if (!spec) throw new Error("no queue");
  await app.start();
  nats = await NatsServers.start();
  const told = queueConfiguration(stemhub, spec, "cluster.local");
  const configuration = {
    ...told,
    components: { api: app.base },
    nats: { ...told.nats, servers: nats.urls, maxBytes: 500_000_000 },
  };
  queue = await TestQueue.start({ nats, configuration, keys: () => keys, database: "ReadOnly" });
  const now = Date.now();
  const authority = await createAuthority("StemHub music/studio", now);
  const issue = (host: string, usage: "server" | "client") =>
    issueCertificate(authority, [host], { now, lifetimeMs: 3_600_000, usage });
  const [own, client] = await Promise.all([issue(queueHost, "server"), issue("studio-gateway", "client")]);
  const tls = { cert: own.certificate, key: own.key, ca: authority.certificate };
  server = createQueueServer(queue.queue.door, configuration, tls);
  const port = await listen(server, 0, "127.0.0.1");
  const text = nginxConfiguration(stemhub, "cluster.local")
    .replaceAll(`${queueHost}:8443`, `127.0.0.1:${port}`)
    .replaceAll(/"studio-api[.][^"]*"/g, `127.0.0.1:${app.port}`);
  gateway = await TestGateway.start(text, {
    "gateway/auth.json": authFile(stemhub) ?? "",
    "queue-client/tls.crt": client.certificate,
    "queue-client/tls.key": client.key,
    "queue-client/ca.crt": authority.certificate,
  });
  await gateway.handOver({ jwks: JSON.stringify({ fetched: new Date(now).toISOString(), keys: keySet }) });
});

afterAll(async () => {
  await gateway?.stop();
  server?.closeAllConnections();
  server?.close();
  await queue?.stop();
  await app.stop();
  await nats?.stop();
});

/** To the gateway, and to the queue where it has heard of it, too. */
async function given(gatewayHas: DatabaseMode, queueHas: DatabaseMode): Promise<void> {
  queue.database = queueHas;
  const mode = modeData(gatewayHas)["mode.json"] ?? "";
  const line = JSON.parse(mode);
  const whole = gatewayHas === "Normal" ? "Normal" : "Degraded";
  expect(await gateway.handOver({ mode: JSON.stringify({ ...line, mode: whole }) })).toBe(204);
}

const seconds = Math.floor(Date.now() / 1000);
const by = (sub: string) => ({
  Authorization: `Bearer ${mint({ payload: { ...claims, sub, iat: seconds - 60, exp: seconds + 600 } })}`,
});
const write = (key: string, sub = "ada", body = key) =>
  gateway.ask("PATCH", `${path}?n=1`, { body, headers: { ...by(sub), "Idempotency-Key": key } });
const drained = () => eventually("nothing is queued", async () => (await queue.queue.door.summary()).queued === 0);
const statusOf = (location: string, sub: string) => gateway.ask("GET", location, { headers: by(sub) });

test("given ReadOnly, then writes are kept, and applied in their order once the mode is back; their author alone is told", async () => {
  await given("ReadOnly", "ReadOnly");
  const first = await write("k-1");
  expect(first.status).toBe(202);
  expect(await write("k-2")).toMatchObject({ status: 202 });
  expect(await write("k-1")).toMatchObject({ status: 202, headers: { location: first.headers.location } });
  expect(await write("k-1", "ada", "another")).toMatchObject({ status: 422 });
  expect(app.seen).toEqual([]);

  const location = String(first.headers.location);
  expect(JSON.parse((await statusOf(location, "ada")).body)).toMatchObject({ state: "Queued" });
  expect(await statusOf(location, "grace")).toMatchObject({ status: 404 });

  await given("Draining", "Draining");
  await drained();
  expect(app.order.get(path)).toEqual(["k-1", "k-2"]);
  expect(app.seen[0]).toMatchObject({ method: "PATCH", uri: `${path}?n=1`, body: "k-1" });
  const told = await eventually("its author is told", async () => {
    const status = JSON.parse((await statusOf(location, "ada")).body);
    return status.state === "Applied" && status;
  });
  expect(told).toMatchObject({ status: 200, attempts: 1 });
});

test("given Draining and nothing that waits, then a write goes to the app at once, by its own token", async () => {
  await given("Draining", "Draining");
  expect(await write("k-3")).toMatchObject({ status: 200 });
  expect(app.seen.at(-1)?.headers).toMatchObject({ authorization: by("ada").Authorization, "x-stemhub-user": "ada" });
});

test("given an app that knows first, then its write is applied once, though the app has seen it twice", async () => {
  await given("Normal", "ReadOnly");
  app.fault = () => ({ status: 503, headers: { "x-stemhub-error": "read-only" } });
  expect(await write("k-4")).toMatchObject({ status: 202 });
  app.fault = () => undefined;
  await given("Draining", "Draining");
  await drained();
  expect(app.applied.get("k-4")).toBe(1);
  expect(app.seen.filter(({ key }) => key === "k-4").map(({ body }) => body)).toEqual(["k-4", "k-4"]);
});

test("given Draining while writes come in all the time, then none overtakes another of its aggregate", async () => {
  await given("ReadOnly", "ReadOnly");
  app.workMs = 20;
  const sent: string[] = [];
  for (let i = 0; i < 30; i++) {
    if (i === 10) await given("Draining", "Draining");
    const key = `s-${String(i).padStart(2, "0")}`;
    expect([200, 202]).toContain((await write(key)).status);
    sent.push(key);
  }
  await drained();
  app.workMs = 0;
  expect((app.order.get(path) ?? []).filter((key) => key.startsWith("s-"))).toEqual(sent);
});
