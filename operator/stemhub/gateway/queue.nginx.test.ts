import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Asked, TestGateway } from "../../../workloads/gateway/testing/gateway.ts";
import { aModeDocument, type ModeSketch } from "../../../workloads/gateway/testing/mode.ts";
import { claims, keySet, mint } from "../../../workloads/gateway/testing/token/mint.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { createAuthority, issueCertificate } from "../pki/certificates.ts";
import { authFile } from "./auth.ts";
import { nginxConfiguration } from "./nginx.ts";

const paused = "Nothing is saved for now";
const stemhub = aStemHub({
  release: { version: "1", images: { api: "a:1", updates: "u:1" } },
  components: { api: {}, updates: {} },
  modes: { messages: { database: paused } },
  auth: { issuer: claims.iss, audience: claims.aud, jwks: { component: "api", path: "/keys" } },
  queue: { limits: { bodySize: "64Ki" } },
  gateway: {
    routes: [
      {
        path: "/api/",
        component: "api",
        access: "User",
        writes: "Queue",
        queue: { aggregate: "/api/projects/{id}", idempotency: "key" },
      },
      {
        path: "/dead/",
        component: "updates",
        access: "User",
        writes: "Queue",
        queue: { aggregate: "dead", idempotency: "none" },
      },
    ],
  },
});
const queueHost = "studio-queue.music.svc.cluster.local";
const id = "a".repeat(43);

/** What the queue was asked, and by whom. */
interface Seen {
  readonly asked: string;
  readonly client: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Told = [status: number, headers?: Record<string, string>, body?: object];
const accepted: Told = [202, { location: `/.well-known/stemhub/writes/${id}` }, { id }];
const pass: Told = [204, { "x-stemhub-queue": "pass" }];

/** The door of the queue by its contract; queue-writes.nginx.test.ts has the real one. */
class Door {
  seen: Seen[] = [];
  told: Told = accepted;
  readonly #server: Server;

  constructor(tls: { cert: string; key: string; ca: string }) {
    this.#server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, async (request, response) => {
      let body = "";
      request.setEncoding("utf8");
      for await (const piece of request) body += piece;
      const client = String((request.socket as TLSSocket).getPeerCertificate().subject.CN);
      this.seen.push({ asked: `${request.method} ${request.url}`, client, headers: request.headers, body });
      const [status, headers, answer] = this.told;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(answer && JSON.stringify(answer));
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let door: Door;
let gateway: TestGateway;
let away: TestGateway;

beforeAll(async () => {
  const now = Date.now();
  const authority = await createAuthority("StemHub music/studio", now);
  const issue = (host: string, usage: "server" | "client") =>
    issueCertificate(authority, [host], { now, lifetimeMs: 3_600_000, usage });
  const [server, client] = await Promise.all([issue(queueHost, "server"), issue("studio-gateway", "client")]);
  door = new Door({ cert: server.certificate, key: server.key, ca: authority.certificate });
  const configuration = nginxConfiguration(stemhub, "cluster.local").replaceAll(
    /"studio-updates[.][^"]*"/g,
    "127.0.0.1:1",
  );
  const files = {
    "gateway/auth.json": authFile(stemhub) ?? "",
    "queue-client/tls.crt": client.certificate,
    "queue-client/tls.key": client.key,
    "queue-client/ca.crt": authority.certificate,
  };
  const at = (port: number) => configuration.replaceAll(`${queueHost}:8443`, `127.0.0.1:${port}`);
  gateway = await TestGateway.start(at(await door.listen()), files);
  // Nothing listens there.
  away = await TestGateway.start(at(1), files);
  for (const each of [gateway, away])
    await each.handOver({ jwks: JSON.stringify({ fetched: new Date(now).toISOString(), keys: keySet }) });
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), away?.stop()]);
  door?.stop();
});

beforeEach(() => {
  door.seen = [];
  door.told = accepted;
});

let epoch = 0;
async function given(sketch: ModeSketch, to = gateway): Promise<void> {
  epoch++;
  expect(await to.handOver({ mode: JSON.stringify(aModeDocument({ ...sketch, epoch })) })).toBe(204);
}

const seconds = Math.floor(Date.now() / 1000);
const token = mint({ payload: { ...claims, iat: seconds - 60, exp: seconds + 600 } });
const mine = { Authorization: `Bearer ${token}`, "Idempotency-Key": "k-1", "Content-Type": "text/plain" };
const write = (path: string, asked: Asked = {}, method = "PUT", by = gateway) =>
  by.ask(method, path, { body: "song", ...asked, headers: { ...mine, Cookie: "session=1", ...asked.headers } });

describe("given a database that takes no write", () => {
  test.each<ModeSketch>([{ database: "ReadOnly" }, { database: "Unavailable" }])(
    "%j: then a write is queued, with who wrote it and nothing that is a secret",
    async (mode) => {
      await given(mode);
      const answer = await write("/api/projects/7/name?a=%201&b", { headers: { "X-StemHub-Claims": "e30" } }, "PATCH");
      expect(answer).toMatchObject({ status: 202, body: JSON.stringify({ id }) });
      expect(answer.headers).toMatchObject({
        location: `/.well-known/stemhub/writes/${id}`,
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-stemhub-mode": mode.database,
        "x-stemhub-mode-epoch": String(epoch),
      });
      const [seen] = door.seen;
      expect(seen).toMatchObject({ asked: "POST /v1/writes", client: "studio-gateway", body: "song" });
      expect(seen?.headers).toMatchObject({
        "idempotency-key": "k-1",
        "content-type": "text/plain",
        "content-length": "4",
        "x-request-id": answer.headers["x-request-id"],
        "x-stemhub-method": "PATCH",
        "x-stemhub-uri": "/api/projects/7/name?a=%201&b",
        "x-stemhub-aggregate": "/api/projects/7",
        "x-stemhub-component": "api",
      });
      const told = JSON.parse(Buffer.from(String(seen?.headers["x-stemhub-claims"]), "base64url").toString());
      expect(told).toMatchObject({ iss: claims.iss, sub: claims.sub });
      expect(JSON.stringify(seen?.headers)).not.toMatch(/cookie|authorization|Bearer/);
    },
  );

  test("then reads still pass, and who has no token queues nothing", async () => {
    await given({ database: "ReadOnly" });
    expect((await gateway.ask("GET", "/api/projects/7", { headers: mine })).status).toBe(200);
    expect((await gateway.ask("PUT", "/api/projects/7", { body: "x" })).status).toBe(401);
    expect(door.seen).toEqual([]);
  });

  test.each<[string, Asked]>([
    ["of a known length, before it is read", { body: "x".repeat(65_537) }],
    ["in chunks", { body: "x".repeat(65_537), headers: { "Transfer-Encoding": "chunked" } }],
  ])("then a body that is too large is refused: %s", async (_, asked) => {
    await given({ database: "ReadOnly" });
    const answer = await write("/api/projects/7", asked);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ capability: "database", mode: "ReadOnly", retryAfterSeconds: 5 });
    expect(door.seen).toEqual([]);
  });

  test("then the largest that fits is queued whole, though nginx has it in a file", async () => {
    await given({ database: "ReadOnly" });
    expect((await write("/api/projects/7", { body: "x".repeat(65_536) })).status).toBe(202);
    expect(door.seen[0]?.body).toBe("x".repeat(65_536));
  });

  test.each([
    ["/api/projects/7%0d%0aX-StemHub-Claims:%20e30", "/api/projects/7%0D%0AX-StemHub-Claims%3A%20e30"],
    ["/api//projects/%37", "/api/projects/7"],
    ["/api/projects", "/api/projects"],
  ])("then %s is of the aggregate %s", async (path, aggregate) => {
    await given({ database: "ReadOnly" });
    await write(path);
    expect(door.seen[0]?.headers["x-stemhub-aggregate"]).toBe(aggregate);
  });

  test("then an aggregate that is too long is refused, since it would be nobody's", async () => {
    await given({ database: "ReadOnly" });
    expect(await write(`/api/projects/${"x".repeat(600)}`)).toMatchObject({ status: 503 });
    expect(door.seen).toEqual([]);
  });

  test.each([400, 409, 422])("then what the queue says with %i is said", async (status) => {
    await given({ database: "ReadOnly" });
    const problem = { type: "about:blank", status, detail: "the queue's own words" };
    door.told = [status, { "content-type": "application/problem+json", "retry-after": "1", server: "inside" }, problem];
    const answer = await write("/api/projects/7");
    expect(answer).toMatchObject({ status, body: JSON.stringify(problem) });
    expect(answer.headers).toMatchObject({ "content-type": "application/problem+json", "retry-after": "1" });
    expect(answer.headers.server).not.toBe("inside");
  });

  test.each([403, 404, 413, 500, 503])(
    "then a queue that says %i has not taken it: the database's notice",
    async (status) => {
      await given({ database: "ReadOnly" });
      door.told = [status, {}, { detail: "what is inside" }];
      const answer = await write("/api/projects/7");
      expect(answer.status).toBe(503);
      expect(JSON.parse(answer.body)).toMatchObject({ capability: "database", mode: "ReadOnly", epoch });
      expect(answer.headers["retry-after"]).toBe("5");
    },
  );
});

describe("given a database that is draining", () => {
  beforeEach(() => given({ database: "Draining" }));

  test("when nothing waits before it, then the write goes to the component with its body", async () => {
    door.told = pass;
    const answer = await write("/api/projects/7?a=1", {}, "PATCH");
    expect(answer.status).toBe(200);
    const seen = JSON.parse(answer.body);
    expect(seen).toMatchObject({ url: "/api/projects/7?a=1", method: "PATCH", body: "song" });
    expect(seen.headers).toMatchObject({ "x-stemhub-user": claims.sub, authorization: mine.Authorization });
    expect(answer.headers["x-stemhub-queue"]).toBeUndefined();
  });

  test("when something waits, then it does", async () => {
    expect((await write("/api/projects/7")).status).toBe(202);
  });

  test("when it may pass, and the component still says read-only, then it is refused: no circle", async () => {
    door.told = pass;
    const answer = await write("/api/answer/503/read-only");
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ capability: "database" });
    expect(door.seen).toHaveLength(1);
  });
});

describe("given a component that knows first that the database takes no write", () => {
  beforeEach(() => given({}));

  test("then the write is queued with the body that the component had", async () => {
    const body = "x".repeat(60_000);
    const answer = await write("/api/answer/503/read-only?a", { body });
    expect(answer.status).toBe(202);
    expect(door.seen[0]).toMatchObject({ body, headers: { "x-stemhub-uri": "/api/answer/503/read-only?a" } });
    expect(answer.headers).toMatchObject({ "x-stemhub-mode": "Normal" });
    expect(answer.headers.etag).toBeUndefined();
  });

  test("then one that is larger than the queue takes is refused", async () => {
    const answer = await write("/api/answer/503/read-only", { body: "x".repeat(70_000) });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ capability: "database", detail: paused });
  });

  test.each([200, 204, 404, 422, 500, 503])("then its other answers pass as they are: %i", async (status) => {
    const answer = await write(`/api/answer/${status}`);
    expect(answer).toMatchObject({ status, headers: { etag: '"component"' } });
    if (status !== 204) expect(answer.body).toContain("component's own words");
    expect(door.seen).toEqual([]);
  });

  test("then it is sent what it would be sent without a queue", async () => {
    const answer = await write("/api/projects/7", { headers: { "X-StemHub-User": "root" } });
    const { headers } = JSON.parse(answer.body);
    expect(headers).toMatchObject({
      host: "127.0.0.1",
      "x-request-id": answer.headers["x-request-id"],
      "x-real-ip": "127.0.0.1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "https",
      "x-stemhub-user": claims.sub,
    });
    expect(headers["x-stemhub-claims"]).toBeUndefined();
  });
});

test.each<[ModeSketch]>([[{}], [{ database: "Draining" }]])(
  "%j: a component that is away is a problem of the gateway's, as on any route",
  async (mode) => {
    await given(mode);
    door.told = pass;
    const answer = await write("/dead/1");
    expect(answer).toMatchObject({ status: 502, headers: { "content-type": "application/problem+json" } });
    expect(answer.headers["x-stemhub-mode-epoch"]).toBe(String(epoch));
  },
);

describe("given a queue that is away", () => {
  test.each<[ModeSketch, string]>([
    [{ database: "ReadOnly" }, "database is not as it should be"],
    [{ database: "Draining" }, "database is not as it should be"],
  ])("%j: then a write is refused with the database's notice, since it could overtake", async (mode, detail) => {
    await given(mode, away);
    const answer = await write("/api/projects/7", {}, "PUT", away);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({ capability: "database", mode: mode.database, detail });
    expect(answer.headers).toMatchObject({ "retry-after": "5", "content-type": "application/problem+json" });
  });

  test("then a Normal mode does without it", async () => {
    await given({}, away);
    expect((await write("/api/projects/7", {}, "PUT", away)).status).toBe(200);
  });
});

describe("/.well-known/stemhub/writes/ID", () => {
  beforeEach(() => given({ database: "ReadOnly" }));
  const path = `/.well-known/stemhub/writes/${id}`;

  test("is what the queue says to its author, in the mode's headers", async () => {
    door.told = [200, {}, { id, state: "Queued" }];
    const answer = await gateway.ask("GET", path, { headers: mine });
    expect(answer).toMatchObject({ status: 200, body: JSON.stringify({ id, state: "Queued" }) });
    expect(answer.headers["x-stemhub-mode"]).toBe("ReadOnly");
    expect(door.seen[0]).toMatchObject({ asked: `GET /v1/writes/${id}`, client: "studio-gateway", body: "" });
    expect(door.seen[0]?.headers["x-stemhub-claims"]).toBeDefined();
    expect(door.seen[0]?.headers.authorization).toBeUndefined();
  });

  test.each<[string, string, Record<string, string>, number]>([
    ["GET", path, {}, 401],
    ["GET", "/.well-known/stemhub/writes/short", mine, 404],
    ["POST", path, mine, 405],
    ["POST", "/.well-known/stemhub/queue", mine, 404],
  ])("%s %s with %j: %s", async (method, asked, headers, status) => {
    expect((await gateway.ask(method, asked, { headers })).status).toBe(status);
    expect(door.seen).toEqual([]);
  });
});

test("nothing of all this is worth a word in nginx's log, but that a body was large", async () => {
  const others = (await gateway.complaints()).filter(
    (line) => !/temporary file|too large chunked body|prematurely closed/.test(line),
  );
  expect(others).toEqual([]);
});
