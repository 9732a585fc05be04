import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Echo } from "../support/echo.ts";
import { echoComponent } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { untilStemHub } from "../support/ready.ts";
import { selfSigned } from "../support/self-signed.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-gateway");

/** Three components that echo, and routes whose prefixes lie within each other. */
function routed(gateway: Record<string, unknown> = {}) {
  const image = environment().images.postgres;
  return echoStemHub("routed", {
    spec: {
      release: { version: "1.0.0", images: { api: image, web: image, updates: image } },
      components: { api: echoComponent("api"), web: echoComponent("web"), updates: echoComponent("updates") },
      gateway: {
        replicas: 1,
        limits: { bodySize: "64Ki" },
        routes: [
          { path: "/", component: "web" },
          { path: "/api/", component: "api" },
          { path: "/api/updates/", component: "updates" },
          { path: "/api/upload/", component: "api", bodySize: "1Mi" },
        ],
        ...gateway,
      },
    },
  });
}

let gateway: GatewayClient;

beforeAll(async () => {
  await kubectl.apply(routed());
  await untilStemHub(kubectl, "routed");
  gateway = await GatewayClient.open(kubectl, "routed");
}, 180_000);

afterAll(() => gateway?.close());

test.each([
  ["/", "web"],
  ["/songs?page=2", "web"],
  ["/apiary", "web"],
  ["/api/songs", "api"],
  ["/api/updates/latest", "updates"],
])("the longest prefix wins: %s goes to %s, path and query untouched", async (path, component) => {
  const echo = (await gateway.expect(200, path)).json<Echo>();
  expect({ component: echo.greeting, path: echo.path }).toEqual({ component, path });
});

describe("limits", () => {
  test("a body within the limit arrives whole", async () => {
    const answer = await gateway.expect(200, "/api/songs", { method: "POST", body: Buffer.alloc(60 * 1024) });
    expect(answer.json<Echo>().bodyBytes).toBe(60 * 1024);
  });

  test("a larger body is refused by 413 as problem+json", async () => {
    const answer = await gateway.request("/api/songs", { method: "POST", body: Buffer.alloc(65 * 1024) });
    expect(answer.status).toBe(413);
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toMatchObject({ status: 413, title: expect.any(String) });
  });

  test("a route's own limit goes before the gateway's", async () => {
    const answer = await gateway.expect(200, "/api/upload/stem", { method: "POST", body: Buffer.alloc(900 * 1024) });
    expect(answer.json<Echo>().bodyBytes).toBe(900 * 1024);
  });
});

describe("headers", () => {
  test("every answer has a request id, which the app sees too", async () => {
    const answer = await gateway.expect(200, "/api/songs");
    const id = answer.headers["x-request-id"];
    expect(id).toMatch(/^[\w-]{16,}$/);
    expect(answer.json<Echo>().headers["x-request-id"]).toBe(id);
  });

  test("what a client says about where it comes from is not believed", async () => {
    const claimed = {
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "evil.example",
      "x-real-ip": "203.0.113.9",
      forwarded: "for=203.0.113.9;host=evil.example",
    };
    const { headers } = (await gateway.expect(200, "/api/songs", { headers: claimed })).json<Echo>();
    expect(headers["x-forwarded-proto"]).toBe("https");
    for (const [name, value] of Object.entries(headers))
      expect(`${name}: ${value}`).not.toMatch(/203\.0\.113\.9|evil\.example/);
  });

  test("what a client says about the mode of the platform does not reach the app", async () => {
    const claimed = { "x-stemhub-mode": "Normal", "x-stemhub-user": "admin" };
    const { headers } = (await gateway.expect(200, "/api/songs", { headers: claimed })).json<Echo>();
    expect(Object.keys(headers).filter((name) => name.startsWith("x-stemhub"))).toEqual([]);
  });
});

describe("TLS", () => {
  test("by default the certificate is signed by the StemHub's authority", async () => {
    const own = await GatewayClient.open(kubectl, "routed");
    await own.expect(200, "/");
    own.close();
  });

  test("another authority does not verify it", async () => {
    const stranger = await GatewayClient.open(kubectl, "routed", {
      ca: await selfSigned("stranger.example").then(({ cert }) => cert),
    });
    await expect(stranger.request("/")).rejects.toThrow(/certificate/);
    stranger.close();
  });

  test("given a certificate in a Secret, then that one is shown", async () => {
    const { cert, key } = await selfSigned("songs.example");
    await kubectl.apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "songs-tls" },
        type: "kubernetes.io/tls",
        stringData: { "tls.crt": cert, "tls.key": key },
      },
      routed({ host: "songs.example", tls: { secretName: "songs-tls" } }),
    );
    await untilStemHub(kubectl, "routed");
    const client = await GatewayClient.open(kubectl, "routed", { ca: cert, host: "songs.example" });
    await client.expect(200, "/", { headers: { host: "songs.example" } });
    client.close();
  }, 90_000);
});
