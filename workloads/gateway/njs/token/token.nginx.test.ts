import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildNjs } from "../../build.ts";
import { freePort, smallConfiguration, TestNginx } from "../../testing/nginx.ts";
import { attackCases } from "../../testing/token/attack-cases.ts";
import { ordinaryCases } from "../../testing/token/ordinary-cases.ts";

/** The least that answers a case with what was decided. */
const configuration = (port: number) =>
  smallConfiguration(`
  access_log off;
  js_import cases from /usr/local/lib/stemhub/gateway.js;
  server {
    listen 127.0.0.1:${port};
    client_body_buffer_size 64k;
    location / { js_content cases.decide; }
  }`);

let nginx: TestNginx;
let port: number;

beforeAll(async () => {
  port = await freePort();
  const entry = fileURLToPath(new URL("../../testing/token/in-nginx.ts", import.meta.url));
  nginx = await TestNginx.prepare({
    configuration: configuration(port),
    buildModule: (outfile) => buildNjs(entry, outfile),
  });
  await nginx.start(port);
});
afterAll(() => nginx?.stop());

test.each([...ordinaryCases, ...attackCases])("in nginx as under Node: $given: $then", async (given) => {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: JSON.stringify(given) });
  expect(await answer.text()).toBe(given.then);
});
