import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ModeEvents } from "../../../workloads/gateway/agent/events.ts";
import { Latest } from "../../../workloads/gateway/agent/latest.ts";
import { feedNginx } from "../../../workloads/gateway/agent/nginx-feed.ts";
import { readCopy, watchMode } from "../../../workloads/gateway/agent/source.ts";
import { TestGateway } from "../../../workloads/gateway/testing/gateway.ts";
import { aModeDocument, type ModeSketch } from "../../../workloads/gateway/testing/mode.ts";
import { systemClock } from "../../runtime/clock.ts";
import { silentLog } from "../../runtime/log.ts";
import { MemoryApiServer } from "../../testing/memory-api.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { nginxConfiguration } from "./nginx.ts";

let gateway: TestGateway;
let apiServer: MemoryApiServer;
let agent: { readonly latest: Latest; stop(): Promise<void> };

beforeAll(async () => {
  gateway = await TestGateway.start(nginxConfiguration(aStemHub(), "cluster.local"));
});
afterAll(() => gateway?.stop());
beforeEach(() => {
  apiServer = new MemoryApiServer();
});
afterEach(() => agent?.stop());

/** The agent's parts as its main puts them together, with an API server in memory. */
async function startAgent(copy?: string): Promise<void> {
  const end = new AbortController();
  const deps = { clock: systemClock, log: silentLog, signal: end.signal };
  const latest = new Latest(silentLog);
  if (copy !== undefined) await readCopy(copy, latest);
  const events = new ModeEvents(systemClock, latest);
  await events.listen(`${gateway.nginx.sockets}/agent.sock`);
  // In a pod both are the same user.
  await chmod(`${gateway.nginx.sockets}/agent.sock`, 0o666);
  const where = { namespace: "music", name: "studio-mode" };
  const running = [
    watchMode({ ...deps, api: apiServer.client() }, where, latest),
    feedNginx(deps, `${gateway.nginx.sockets}/nginx.sock`, latest),
  ];
  agent = {
    latest,
    async stop() {
      end.abort();
      await Promise.all(running);
      await events.close();
    },
  };
}

let epoch = 0;
function publish(sketch: ModeSketch): Promise<unknown> {
  epoch++;
  return apiServer.client().apply({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "studio-mode", namespace: "music" },
    data: { "mode.json": JSON.stringify(aModeDocument({ ...sketch, epoch })) },
  });
}

const toldEpoch = async () => Number((await gateway.ask("GET", "/api/projects")).headers["x-stemhub-mode-epoch"]);
const untilTold = () => vi.waitFor(async () => expect(await toldEpoch()).toBe(epoch), { timeout: 5_000, interval: 20 });

test("a mode that the operator publishes is in the next answers, and in the streams", async () => {
  await publish({});
  await startAgent();
  await untilTold();
  const stream = await gateway.listen();
  await publish({ database: "ReadOnly" });
  await untilTold();
  expect((await gateway.ask("POST", "/api/projects", { body: "x" })).status).toBe(503);
  await vi.waitFor(() => expect(stream.said()).toContain(`id: ${epoch}\n`));
  stream.close();
});

test("given nginx ended and was begun anew, then it knows the mode again within moments", async () => {
  await publish({ storage: "Degraded" });
  await startAgent();
  await untilTold();
  await gateway.crashNginx();
  await untilTold();
});

test("given the agent is gone, then the last mode stands, and the stream's address says that it is not to be had", async () => {
  await publish({ database: "ReadOnly" });
  await startAgent();
  await untilTold();
  await agent.stop();
  expect((await gateway.ask("POST", "/api/projects", { body: "x" })).status).toBe(503);
  expect((await gateway.ask("GET", "/api/projects")).status).toBe(200);
  expect((await gateway.ask("GET", "/.well-known/stemhub/mode")).status).toBe(200);
  expect((await gateway.ask("GET", "/.well-known/stemhub/mode/events")).status).toBe(502);
  agent = { ...agent, stop: () => Promise.resolve() };
});

test("given a pod begins while the API server is away, then it knows the mode by the mounted copy", async () => {
  const copy = await mkdtemp(join(tmpdir(), "copy-"));
  epoch++;
  await writeFile(join(copy, "mode.json"), JSON.stringify(aModeDocument({ auth: "Unavailable", epoch })));
  apiServer.fail = () => new Error("nobody is there");
  await startAgent(copy);
  await untilTold();
  await rm(copy, { recursive: true });
});

test("given the API server is lost and comes back, then the mode stands meanwhile, and the newer one is told after", async () => {
  await publish({ database: "ReadOnly" });
  await startAgent();
  await untilTold();
  apiServer.fail = () => new Error("nobody is there");
  expect(await toldEpoch()).toBe(epoch);
  apiServer.fail = () => undefined;
  await publish({});
  await untilTold();
});
