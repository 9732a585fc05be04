import { createServer, type IncomingHttpHeaders, request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aModeDocument } from "../../../workloads/gateway/testing/mode.ts";
import { freePort, smallConfiguration, TestNginx } from "../../../workloads/gateway/testing/nginx.ts";
import { claims, keySet, mint, secret, signers } from "../../../workloads/gateway/testing/token/mint.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { accessLines, authDirectives, authFile, authLocations } from "./auth.ts";

const seconds = Math.floor(Date.now() / 1000);
const current = { ...claims, iat: seconds - 60, exp: seconds + 600 };
const good = mint({ payload: current });
const common = { issuer: claims.iss, audience: claims.aud, cookie: "session", expiredGraceSeconds: 600 };
const fetchedNow = () => new Date().toISOString();

/** A component that says what it was sent. */
const component = createServer((asked, answer) => {
  if (asked.url === "/own-401") answer.writeHead(401).end("mine");
  else answer.end(JSON.stringify(asked.headers));
});

/** A gateway with one route for users alone, and one for all. */
class Gateway {
  readonly port: number;
  readonly nginx: TestNginx;

  private constructor(port: number, nginx: TestNginx) {
    this.port = port;
    this.nginx = nginx;
  }

  static async start(auth: object, files: Record<string, string> = {}): Promise<Gateway> {
    const stemhub = aStemHub({ auth });
    const port = await freePort();
    const upstream = `proxy_pass http://127.0.0.1:${(component.address() as AddressInfo).port};`;
    const configuration = smallConfiguration(`
  js_import gateway from /usr/local/lib/stemhub/gateway.js;
  js_shared_dict_zone zone=stemhub:4M;
  ${authDirectives(stemhub).join("\n  ")}
  log_format refusals 'refusal=$stemhub_refusal';
  access_log /dev/stdout refusals;
  server {
    listen 127.0.0.1:${port};
    ${authLocations(stemhub, []).join("\n    ")}
    location /users/ { ${accessLines({ access: "User" }).join(" ")} ${upstream} }
    location / { ${upstream} }
  }
  server {
    listen unix:/run/stemhub/nginx.sock;
    client_max_body_size 2m; client_body_buffer_size 2m;
    location = /hand-over { js_content gateway.handOver; }
  }`);
    const nginx = await TestNginx.prepare({
      configuration,
      files: { "gateway/auth.json": authFile(stemhub) ?? "", ...files },
    });
    await nginx.start(port);
    return new Gateway(port, nginx);
  }

  get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { method, headers, redirect: "manual" });
  }

  /** The status by a bearer. */
  async by(token: string, method = "GET"): Promise<number> {
    return (await this.get("/users/", { authorization: `Bearer ${token}` }, method)).status;
  }

  handOver(documents: object): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: `${this.nginx.sockets}/nginx.sock`,
        path: "/hand-over",
        method: "PUT",
        agent: false,
      };
      const sent = request(options, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      });
      sent.on("error", reject);
      sent.end(JSON.stringify(documents));
    });
  }

  keys(keys: unknown = keySet, fetched = fetchedNow()) {
    return this.handOver({ jwks: JSON.stringify({ fetched, keys }) });
  }
}

beforeAll(() => new Promise<void>((resolve) => component.listen(0, "127.0.0.1", resolve)));
afterAll(() => component.close());

describe("given a key set", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await Gateway.start({ ...common, jwks: { url: "https://id.example/k" } });
  });
  afterAll(() => gateway?.nginx.stop());

  test("before it was fetched, nobody is a user, and the answer is a notice with when to try again", async () => {
    const answer = await gateway.get("/users/", { authorization: `Bearer ${good}` });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("15");
    expect(await answer.json()).toMatchObject({ status: 503, capability: "auth" });
    expect(await gateway.keys()).toBe(204);
  });

  test("a user is told to the component, and nobody else can say so", async () => {
    const told = async (path: string, headers: Record<string, string>) =>
      ((await (await gateway.get(path, headers)).json()) as IncomingHttpHeaders)["x-stemhub-user"];
    const claimed = { "x-stemhub-user": "admin" };
    expect(await told("/users/", { ...claimed, authorization: `Bearer ${good}` })).toBe("ada");
    expect(await told("/users/", { ...claimed, cookie: `session=${good}` })).toBe("ada");
    expect(await told("/", claimed)).toBeUndefined();
  });

  test("without a token, the answer is 401 with what is asked for, as a problem", async () => {
    const answer = await gateway.get("/users/");
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="stemhub"');
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toMatchObject({ status: 401, title: "Sign in" });
  });

  test("a browser may ask first whether it may send a token", async () => {
    const asked = { "access-control-request-method": "POST", origin: "https://studio.example" };
    expect((await gateway.get("/users/", asked, "OPTIONS")).status).toBe(200);
    expect((await gateway.get("/users/", {}, "OPTIONS")).status).toBe(401);
  });

  test("a component's own 401 passes as it is", async () => {
    const answer = await gateway.get("/own-401");
    expect([answer.status, await answer.text()]).toEqual([401, "mine"]);
  });

  test("a key that is taken back is not trusted any more, though its tokens were remembered", async () => {
    expect(await gateway.by(good)).toBe(200);
    await gateway.keys(keySet.filter(({ kid }) => kid !== "rsa"));
    expect(await gateway.by(good)).toBe(401);
    await gateway.keys();
    expect(await gateway.by(good)).toBe(200);
  });

  test("revocations hold at once, in every worker, until the list says otherwise", async () => {
    const revoke = (list: object) =>
      gateway.handOver({ revocations: JSON.stringify({ fetched: fetchedNow(), ...list }) });
    const tries = async () => {
      const statuses = new Set<number>();
      for (let i = 0; i < 20; i++) statuses.add(await gateway.by(good));
      return [...statuses];
    };
    expect(await revoke({ tokens: [claims.jti], subjects: {} })).toBe(204);
    expect(await tries()).toEqual([401]);
    expect(await revoke({ tokens: [], subjects: { ada: current.iat + 1 } })).toBe(204);
    expect(await tries()).toEqual([401]);
    expect(await revoke({ tokens: ["other"], subjects: { ada: current.iat } })).toBe(204);
    expect(await tries()).toEqual([200]);
    // As many as an answer may hold, twice while the list changes.
    const many = Array.from({ length: 32_000 }, (_, i) => i.toString(36).padStart(5, "-"));
    expect(await revoke({ tokens: [...many, claims.jti] })).toBe(204);
    expect(await revoke({ tokens: [...many.slice(1), claims.jti] })).toBe(204);
    expect(await tries()).toEqual([401]);
    expect(await revoke({ tokens: [] })).toBe(204);
    expect(await tries()).toEqual([200]);
  });

  test("what is no key set is refused, and the former one stays", async () => {
    expect(await gateway.handOver({ jwks: '{"keys": "x"}' })).toBe(400);
    expect(await gateway.by(good)).toBe(200);
  });

  test("while auth is down, an expired token still reads, and writes no more", async () => {
    const expired = mint({ payload: { ...current, exp: seconds - 120 } });
    const mode = (auth: "Normal" | "Unavailable", epoch: number) =>
      gateway.handOver({ mode: JSON.stringify(aModeDocument({ auth, epoch })) });
    expect(await gateway.by(expired)).toBe(401);
    await mode("Unavailable", 2);
    expect(await gateway.by(expired)).toBe(200);
    expect(await gateway.by(expired, "POST")).toBe(503);
    expect(await gateway.by(good, "POST")).toBe(200);
    expect((await gateway.get("/users/")).status).toBe(503);
    await mode("Normal", 3);
    expect(await gateway.by(expired)).toBe(401);
  });

  test("keys that are too old make nobody a user", async () => {
    await gateway.keys(keySet, new Date(Date.now() - 13 * 3_600_000).toISOString());
    expect(await gateway.by(good)).toBe(503);
    await gateway.keys();
    expect(await gateway.by(good)).toBe(200);
  });

  test("the log says why, and never a token", async () => {
    const log = await gateway.nginx.log();
    for (const reason of [
      "NoKeys",
      "NoToken",
      "UnknownKey",
      "TokenRevoked",
      "SubjectRevoked",
      "Expired",
      "KeysTooOld",
    ]) {
      expect(log).toContain(`refusal=${reason}\n`);
    }
    expect(log).not.toContain(good.slice(0, 20));
    expect(log).not.toMatch(/\[(error|crit|alert|emerg)\]/);
  });
});

describe("given a secret", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await Gateway.start(
      { ...common, hs256: { secret: { name: "jwt", key: "secret" } } },
      { "token-secret/secret": secret.toString() },
    );
  });
  afterAll(() => gateway?.nginx.stop());
  const by = (key: Buffer) => mint({ header: { alg: "HS256" }, payload: current, by: signers.hmac(key) });

  test("its tokens are good at once, and only its", async () => {
    expect(await gateway.by(by(secret))).toBe(200);
    expect(await gateway.by(by(Buffer.alloc(32)))).toBe(401);
    expect(await gateway.by(good)).toBe(401);
  });
});
