import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aModeDocument } from "../testing/mode.ts";
import { freePort, smallConfiguration, TestNginx } from "../testing/nginx.ts";

/** The least that the module needs around it. */
const configuration = (port: number) =>
  smallConfiguration(`
  access_log off;
  js_import gateway from /usr/local/lib/stemhub/gateway.js;
  js_shared_dict_zone zone=stemhub:4M;
  js_shared_dict_zone zone=revoked:8M;
  js_set $stemhub_state gateway.state;
  server { listen 127.0.0.1:${port}; location / { return 200 $stemhub_state; } }
  server {
    listen unix:/run/stemhub/nginx.sock;
    client_max_body_size 2m; client_body_buffer_size 2m;
    location = /hand-over { js_content gateway.handOver; }
  }`);

let nginx: TestNginx;
let port: number;

beforeAll(async () => {
  port = await freePort();
  nginx = await TestNginx.prepare({ configuration: configuration(port) });
  await nginx.start(port);
});
afterAll(() => nginx?.stop());

/** On a connection of its own: a reload closes those that are kept. */
const stateNow = async () => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } })).text();

/** What the mode-agent does: a PUT over the Unix socket. */
function handOver(body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: `${nginx.sockets}/nginx.sock`, path: "/hand-over", method: "PUT", agent: false };
    const sent = request(options, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const modeAt = (epoch: number, database: "Normal" | "ReadOnly") =>
  JSON.stringify({ mode: JSON.stringify(aModeDocument({ epoch, database })) });

test("given no mode yet, then none is said", async () => {
  expect(await stateNow()).toBe("");
});

test("a mode that is handed over holds for every worker at once, and across a reload", async () => {
  expect(await handOver(modeAt(7, "ReadOnly"))).toBe(204);
  for (let i = 0; i < 20; i++) expect(await stateNow()).toBe("ReadOnly 7 database=ReadOnly");
  nginx.reload();
  for (let i = 0; i < 20; i++) expect(await stateNow()).toBe("ReadOnly 7 database=ReadOnly");
});

test("an older epoch is refused, and the newer mode stays", async () => {
  expect(await handOver(modeAt(6, "Normal"))).toBe(409);
  expect(await stateNow()).toBe("ReadOnly 7 database=ReadOnly");
});

test("what is no JSON is refused, and the mode stays", async () => {
  expect(await handOver('{"mode": "{"}')).toBe(400);
  expect(await stateNow()).toBe("ReadOnly 7 database=ReadOnly");
});

test("keys that are none do not hide a mode", async () => {
  const text = JSON.stringify({ jwks: "{", mode: JSON.stringify(aModeDocument({ epoch: 8 })) });
  expect(await handOver(text)).toBe(400);
  expect(await stateNow()).toBe("Normal 8 ");
});

test("a set of keys and revocations as large as a ConfigMap has room", async () => {
  const jwks = JSON.stringify({ fetched: "2026-01-01T00:00:00Z", keys: [{ n: "k".repeat(500_000) }] });
  const revocations = JSON.stringify({ tokens: Array.from({ length: 25_000 }, (_, i) => `token-${i}-of-many`) });
  expect(await handOver(JSON.stringify({ jwks, revocations }))).toBe(204);
  expect(await handOver(modeAt(8, "Normal"))).toBe(204);
  expect(await stateNow()).toBe("Normal 8 ");
});
