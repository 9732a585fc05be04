import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TestGateway } from "../../../workloads/gateway/testing/gateway.ts";
import { aModeDocument, type ModeSketch } from "../../../workloads/gateway/testing/mode.ts";
import { claims, keySet, mint } from "../../../workloads/gateway/testing/token/mint.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { authFile } from "./auth.ts";
import { storageFile } from "./files.ts";
import { nginxConfiguration } from "./nginx.ts";

const seconds = Math.floor(Date.now() / 1000);
const good = mint({ payload: { ...claims, iat: seconds - 60, exp: seconds + 600 } });
const signedIn = { headers: { authorization: `Bearer ${good}` } };

/** With a storage that nobody can reach: its name cannot be looked up. */
const stemhub = aStemHub({
  auth: { issuer: claims.iss, audience: claims.aud, cookie: "session", jwks: { url: "https://id.example/k" } },
  storage: { endpoint: "https://storage.invalid", bucket: "stems", credentialsSecret: { name: "s3" } },
  gateway: {
    routes: [
      { path: "/", component: "api" },
      { path: "/api/mine/", component: "api", access: "User", bodySize: "1Mi" },
      { path: "/api/pay/", component: "api", access: "User", writes: "Critical" },
      { path: "/files/", files: {}, access: "User", rateLimit: { requestsPerSecond: 100, burst: 50 } },
    ],
  },
});

let gateway: TestGateway;
let epoch = 0;

beforeAll(async () => {
  gateway = await TestGateway.start(nginxConfiguration(stemhub, "cluster.local"), {
    "gateway/auth.json": authFile(stemhub) ?? "",
    "gateway/storage.json": storageFile(stemhub) ?? "",
    "storage-credentials/accessKeyId": "id",
    "storage-credentials/secretAccessKey": "secret",
  });
  await gateway.handOver({ jwks: JSON.stringify({ fetched: new Date().toISOString(), keys: keySet }) });
});
afterAll(() => gateway?.stop());
beforeEach(() => given({}));

async function given(sketch: ModeSketch): Promise<void> {
  epoch += 1;
  expect(await gateway.handOver({ mode: JSON.stringify(aModeDocument({ ...sketch, epoch })) })).toBe(204);
}

const userTold = (body: string) => (JSON.parse(body) as { headers: Record<string, string> }).headers["x-stemhub-user"];

describe("in the whole configuration, a route for users alone", () => {
  test("passes a user on, and tells who it is", async () => {
    const answer = await gateway.ask("POST", "/api/mine/a", { ...signedIn, body: "x" });
    expect([answer.status, userTold(answer.body)]).toEqual([200, "ada"]);
  });

  test("tells an open route of nobody, whatever a client says", async () => {
    const headers = { ...signedIn.headers, "X-StemHub-User": "admin" };
    expect(userTold((await gateway.ask("GET", "/api/a", { headers })).body)).toBeUndefined();
  });

  test("refuses who is none before anything of a large body was read, with the headers of every answer", async () => {
    const answer = await gateway.ask("POST", "/api/mine/a", { headers: { "Content-Length": "1000000" } });
    expect(answer.status).toBe(401);
    expect(answer.headers).toMatchObject({
      "www-authenticate": 'Bearer realm="stemhub"',
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-stemhub-mode": "Normal",
      "x-content-type-options": "nosniff",
    });
  });

  test.each([
    ["a good token reads", "GET", "/api/mine/a", signedIn, 200],
    ["a good token writes", "POST", "/api/mine/a", signedIn, 200],
    ["no token is told that nobody can sign in now", "GET", "/api/mine/a", {}, 503],
    ["what is critical is refused, with a good token too", "POST", "/api/pay/a", signedIn, 503],
    ["so is reading it", "GET", "/api/pay/a", signedIn, 503],
  ])("while auth is Unavailable: %s", async (_, method, path, asked, status) => {
    await given({ auth: "Unavailable" });
    const answer = await gateway.ask(method, path, asked);
    expect(answer.status).toBe(status);
    if (status === 503) {
      expect(JSON.parse(answer.body)).toMatchObject({ capability: "auth", detail: "auth is not as it should be" });
      expect(answer.headers["retry-after"]).toBe("15");
    }
  });

  test("that the database is read-only is told to users alone", async () => {
    await given({ database: "ReadOnly" });
    expect((await gateway.ask("POST", "/api/mine/a")).status).toBe(401);
    expect((await gateway.ask("POST", "/api/mine/a", signedIn)).status).toBe(503);
  });
});

describe("in the whole configuration, a route of files", () => {
  test.each([
    ["nobody", "GET", {}, 401],
    ["a user, from a storage whose name is not known", "GET", signedIn, 503],
    ["a user who writes", "PUT", signedIn, 405],
  ])("answers %s", async (_, method, asked, status) => {
    const answer = await gateway.ask(method, "/files/a.wav", asked);
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.headers["x-stemhub-mode"]).toBe("Normal");
  });
});
