import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../e2e/support/self-signed.ts";
import { type Answer, TestGateway } from "../../../workloads/gateway/testing/gateway.ts";
import { aModeDocument, type ModeSketch } from "../../../workloads/gateway/testing/mode.ts";
import { TestNginx } from "../../../workloads/gateway/testing/nginx.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { nginxConfiguration } from "./nginx.ts";

/** What the spec lets users read; with all that nginx would take for its own. */
const paused = `Paused — "today" it's $host; {really} \\`;

/** One route a mark, all to a component that says what it was asked. */
const stemhub = aStemHub({
  release: { version: "1", images: { api: "a:1", web: "w:1" } },
  components: { api: {}, web: {} },
  modes: { messages: { database: paused } },
  gateway: {
    routes: [
      { path: "/", component: "web", writes: "Pass" },
      { path: "/api/", component: "api" },
      { path: "/api/pay/", component: "api", writes: "Critical" },
      { path: "/api/files/", component: "api", capability: "storage", writes: "Pass" },
      { path: "/api/notes/", component: "api", capability: "collaboration", writes: "Pass" },
      { path: "/api/parse/", component: "api", capability: "dawParsing", writes: "Pass", fallback: "/api/list/basic" },
      { path: "/api/preview/", component: "api", capability: "dawParsing", writes: "Pass" },
      { path: "/api/sign-in/", component: "api", capability: "auth" },
      { path: "/api/slow/", component: "api", rateLimit: { requestsPerSecond: 1, burst: 2 } },
    ],
  },
});

test.each<[string, object]>([
  ["no more than it must have", {}],
  [
    "a host, trusted proxies and limits",
    { host: "a.example", trustedProxies: ["10.0.0.0/8"], limits: { bodySize: "1k" } },
  ],
  ["a route that is not /", { routes: [{ path: "/api/", component: "api" }] }],
])("nginx takes the configuration of a gateway with %s", async (_, spec) => {
  const configuration = nginxConfiguration(aStemHub({ gateway: spec }), "cluster.local");
  const nginx = await TestNginx.prepare({ configuration, tls: await selfSigned("a.example") });
  await nginx.check();
  await nginx.stop();
});

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start(nginxConfiguration(stemhub, "cluster.local"));
});
afterAll(() => gateway?.stop());

let epoch = 0;
async function given(sketch: ModeSketch): Promise<void> {
  epoch++;
  expect(await gateway.handOver({ mode: JSON.stringify(aModeDocument({ ...sketch, epoch })) })).toBe(204);
}

/** What became of a request, in a word: the component's name where it passed, the capability where it was refused. */
function outcome({ status, headers, body }: Answer): string {
  if (status === 200) return headers["x-stemhub-fallback"] === "true" ? `fallback ${echo(body).url}` : "pass";
  expect(headers["content-type"]).toBe("application/problem+json");
  const problem = JSON.parse(body);
  expect(problem).toMatchObject({ status, detail: expect.stringMatching(/\w/), epoch });
  expect(Number(headers["retry-after"])).toBe(problem.retryAfterSeconds);
  expect(headers["cache-control"]).toBe("no-store");
  return `${status} ${problem.capability}`;
}

const echo = (body: string): { url: string; method: string; headers: Record<string, string>; body: string } =>
  JSON.parse(body);

test("given no mode yet, then requests pass and none is claimed", async () => {
  const answer = await gateway.ask("POST", "/api/projects");
  expect(outcome(answer)).toBe("pass");
  expect(Object.keys(answer.headers).filter((name) => name.startsWith("x-stemhub"))).toEqual([]);
  expect((await gateway.ask("GET", "/.well-known/stemhub/mode")).status).toBe(503);
});

describe("by mode, method and route's mark", () => {
  test.each<[ModeSketch, string, string, string]>([
    [{}, "POST", "/api/projects", "pass"],
    [{ database: "ReadOnly" }, "GET", "/api/projects", "pass"],
    [{ database: "ReadOnly" }, "HEAD", "/api/projects", "pass"],
    [{ database: "ReadOnly" }, "POST", "/api/projects", "503 database"],
    [{ database: "ReadOnly" }, "PUT", "/api/projects/1", "503 database"],
    [{ database: "ReadOnly" }, "PATCH", "/api/projects/1", "503 database"],
    [{ database: "ReadOnly" }, "DELETE", "/api/projects/1", "503 database"],
    [{ database: "ReadOnly" }, "PROPPATCH", "/api/projects/1", "503 database"],
    [{ database: "ReadOnly" }, "POST", "/api/pay/1", "503 database"],
    [{ database: "ReadOnly" }, "POST", "/page", "pass"],
    [{ database: "Draining" }, "POST", "/api/projects", "pass"],
    [{ database: "Unavailable" }, "GET", "/api/projects", "503 database"],
    [{ database: "Unavailable" }, "GET", "/page", "pass"],
    [{ auth: "Unavailable" }, "GET", "/api/pay/1", "503 auth"],
    [{ auth: "Unavailable" }, "POST", "/api/pay/1", "503 auth"],
    [{ auth: "Unavailable" }, "POST", "/api/projects", "pass"],
    [{ auth: "Unavailable" }, "POST", "/api/sign-in/", "503 auth"],
    [{ storage: "Degraded" }, "GET", "/api/files/1", "pass"],
    [{ storage: "Degraded" }, "PUT", "/api/files/1", "503 storage"],
    [{ storage: "Unavailable" }, "GET", "/api/files/1", "503 storage"],
    [{ storage: "Unavailable" }, "POST", "/api/projects", "pass"],
    [{ collaboration: "Unavailable" }, "GET", "/api/notes/1", "503 collaboration"],
    [{ collaboration: "Unavailable" }, "GET", "/api/projects", "pass"],
    [{ dawParsing: "Unavailable" }, "POST", "/api/parse/als?a=1", "fallback /api/list/basic?a=1"],
    [{ dawParsing: "Unavailable" }, "POST", "/api/preview/als", "503 dawParsing"],
    [{ database: "ReadOnly", storage: "Unavailable" }, "POST", "/api/projects", "503 database"],
  ])("given %j, then %s %s: %s", async (mode, method, path, expected) => {
    await given(mode);
    const answer = await gateway.ask(method, path, method === "GET" || method === "HEAD" ? {} : { body: "x" });
    expect(method === "HEAD" ? answer.status === 200 && "pass" : outcome(answer)).toBe(expected);
  });

  test("a fallback gets the method and the body, as the route would have", async () => {
    await given({ dawParsing: "Degraded" });
    const answer = await gateway.ask("POST", "/api/parse/als", { body: "song" });
    expect(echo(answer.body)).toMatchObject({ method: "POST", body: "song" });
  });

  test("a WebSocket of a collaboration that is down is answered at once, by a document", async () => {
    await given({ collaboration: "Unavailable" });
    const headers = { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13" };
    const answer = await gateway.ask("GET", "/api/notes/1", { headers });
    expect(outcome(answer)).toBe("503 collaboration");
  });

  test("a refused upload is answered before it was read", async () => {
    await given({ database: "ReadOnly" });
    const answer = await gateway.ask("POST", "/api/projects", { headers: { "Content-Length": "50000000" }, body: "" });
    expect(outcome(answer)).toBe("503 database");
  });
});

describe("the mode's headers", () => {
  beforeEach(() => given({ database: "ReadOnly", storage: "Degraded" }));

  test.each<[string, string, string, number, Record<string, string>?]>([
    ["what a component answers", "GET", "/api/projects", 200],
    ["what is refused", "POST", "/api/projects", 503],
    ["what a component failed at", "GET", "/api/answer/500", 500],
    ["what does not exist", "GET", "/.well-known/stemhub/none", 404],
    ["what has too long an address", "GET", `/${"x".repeat(20_000)}`, 414],
    ["what has too large headers", "GET", "/", 431, { cookie: "x".repeat(20_000) }],
    ["what nobody understands", "GET", "/%", 400],
    ["what no component answered", "GET", "/gone", 502],
  ])("are on %s", async (_, method, path, status, headers = {}) => {
    const answer = await gateway.ask(method, path, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      "x-stemhub-mode": "ReadOnly",
      "x-stemhub-mode-epoch": String(epoch),
      "x-stemhub-capabilities": "database=ReadOnly, storage=Degraded",
      "strict-transport-security": "max-age=31536000",
    });
  });

  test("say no capability when all is Normal", async () => {
    await given({});
    const { headers } = await gateway.ask("GET", "/api/projects");
    expect(headers).toMatchObject({ "x-stemhub-mode": "Normal", "x-stemhub-mode-epoch": String(epoch) });
    expect(headers["x-stemhub-capabilities"]).toBeUndefined();
  });

  test("are nobody else's to say: neither a client's nor a component's arrive", async () => {
    const claimed = { "X-StemHub-Mode": "Normal", "X-StemHub-Claims": "e30", "X-StemHub-Assertion": "a.b.c" };
    const answer = await gateway.ask("GET", "/api/imitate", { headers: claimed });
    expect(Object.keys(echo(answer.body).headers).filter((name) => name.startsWith("x-stemhub"))).toEqual([]);
    expect(answer.headers["x-stemhub-mode"]).toBe("ReadOnly");
    expect(answer.headers["x-stemhub-fallback"]).toBeUndefined();
  });
});

describe("a component that knows first that the database takes no write", () => {
  beforeEach(() => given({}));

  test("is not heard by the client: it gets our document, and not the component's words or headers", async () => {
    const answer = await gateway.ask("POST", "/api/answer/503/read-only", { body: "x" });
    expect(outcome(answer)).toBe("503 database");
    expect(answer.headers["x-stemhub-error"]).toBeUndefined();
    expect(answer.headers.etag).toBeUndefined();
    expect(JSON.parse(answer.body).detail).toBe(paused);
  });

  test.each([
    ["a write that fails for another reason", "POST", "/api/answer/503", 503],
    ["a read", "GET", "/api/answer/503/read-only", 503],
    ["another status", "POST", "/api/answer/500/read-only", 500],
  ])("%s keeps the component's own answer, without that header", async (_, method, path, status) => {
    const answer = await gateway.ask(method, path);
    expect(answer).toMatchObject({ status, body: expect.stringContaining("component") });
    expect(answer.headers["x-stemhub-error"]).toBeUndefined();
  });
});

test("the script for pages is served as what pages of the strictest policy run, whatever the mode", async () => {
  await given({ database: "Unavailable" });
  const { status, headers, body } = await gateway.ask("GET", "/.well-known/stemhub/notice.js");
  expect({ status, ...headers }).toMatchObject({
    status: 200,
    "content-type": "text/javascript",
    "x-content-type-options": "nosniff",
    "cache-control": "max-age=3600",
    "x-stemhub-mode": "Unavailable",
  });
  // Neither code out of text nor markup out of words.
  expect(body).toContain("EventSource");
  expect(body).not.toMatch(/\beval\b|new Function|innerHTML|insertAdjacentHTML|document\.write/);
});

describe("/.well-known/stemhub/mode", () => {
  test("is the document, with a tag by which it is sent once", async () => {
    await given({ storage: "Degraded" });
    const answer = await gateway.ask("GET", "/.well-known/stemhub/mode");
    expect(JSON.parse(answer.body)).toEqual(aModeDocument({ storage: "Degraded", epoch }));
    expect(answer.headers["cache-control"]).toBe("no-cache");
    const tag = answer.headers.etag ?? "";
    const again = (given: string) =>
      gateway.ask("GET", "/.well-known/stemhub/mode", { headers: { "If-None-Match": given } });
    expect((await again(tag)).status).toBe(304);
    expect((await again(`"other", W/${tag}`)).status).toBe(304);
    expect((await again('"other"')).status).toBe(200);
  });
});

test("a client that asks too often is told so, with when to ask again", async () => {
  await given({});
  const answers = await Promise.all(Array.from({ length: 6 }, () => gateway.ask("GET", "/api/slow/")));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(3);
  expect(refused[0]?.headers).toMatchObject({ "retry-after": "1", "x-stemhub-mode": "Normal" });
});

test("nothing of all this is worth a word in nginx's log", async () => {
  expect(await gateway.complaints()).toEqual([]);
});
