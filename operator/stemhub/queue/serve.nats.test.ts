import { type ChildProcess, execFile, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensurePrograms } from "../../../e2e/cluster/local/programs.ts";
import { silentProgress } from "../../../e2e/progress.ts";
import { TestApp } from "../../../workloads/queue/testing/app.ts";
import { freePort } from "../../../workloads/queue/testing/nats.ts";
import { eventually, modeData } from "../../../workloads/queue/testing/queue.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../pki/certificates.ts";
import { queueConfiguration, queuePorts } from "./configuration.ts";
import { natsConfiguration } from "./store.ts";
import { askQueue } from "./summary.ts";

/*
 * The queue's program as its pod runs it, with what the operator makes for it: NATS by the operator's configuration,
 * certificates of one authority, the mode by a watch. The API server is a small one that knows one ConfigMap.
 */

const main = fileURLToPath(new URL("../../../workloads/queue/main.ts", import.meta.url));
const password = `7${randomBytes(12).toString("hex")}`;
const stemhub = aStemHub({
  queue: { replicas: 1 },
  gateway: {
    routes: [
      {
        path: "/api/",
        component: "api",
        writes: "Queue",
        queue: { aggregate: "/api/projects/{id}", idempotency: "key" },
      },
    ],
  },
} as Parameters<typeof aStemHub>[0]);

/** One ConfigMap, listed and watched. */
class ModeServer {
  data: Record<string, string> = modeData("ReadOnly");
  #version = 10;
  #server: Server | undefined;
  readonly #watchers = new Set<ServerResponse>();

  async start(): Promise<number> {
    const port = await freePort();
    this.#server = createServer((asked, response) => {
      const query = new URL(asked.url ?? "", "http://localhost").searchParams;
      response.setHeader("content-type", "application/json");
      if (query.get("fieldSelector") !== "metadata.name=studio-mode") return void response.writeHead(403).end("{}");
      if (query.get("watch") === null) {
        const metadata = { resourceVersion: String(this.#version) };
        return void response.end(
          JSON.stringify({ kind: "ConfigMapList", apiVersion: "v1", metadata, items: [this.#object()] }),
        );
      }
      response.flushHeaders();
      this.#watchers.add(response);
    });
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return port;
  }

  set(data: Record<string, string>): void {
    this.data = data;
    this.#version += 1;
    for (const watcher of this.#watchers)
      watcher.write(`${JSON.stringify({ type: "MODIFIED", object: this.#object() })}\n`);
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  #object() {
    const metadata = { name: "studio-mode", namespace: "music", resourceVersion: String(this.#version) };
    return { apiVersion: "v1", kind: "ConfigMap", metadata, data: this.data };
  }
}

const app = new TestApp();
const modeServer = new ModeServer();
const processes: ChildProcess[] = [];
let directory: string;
let authority: KeyPair;
let gateway: KeyPair;
let operator: KeyPair;
let api: number;

beforeAll(async () => {
  const bin = await ensurePrograms(["nats-server"], silentProgress);
  directory = await mkdtemp(join(tmpdir(), "stemhub-queue-"));
  await app.start();
  const now = { now: Date.now(), lifetimeMs: 3_600_000 };
  authority = await createAuthority("StemHub music/studio", now.now);
  const server = await issueCertificate(authority, ["localhost"], { ...now, usage: "both" });
  gateway = await issueCertificate(authority, ["studio-gateway"], { ...now, usage: "client" });
  operator = await issueCertificate(authority, ["studio-operator"], { ...now, usage: "client" });
  const [nats, monitor] = [await freePort(), await freePort()];
  const { queue } = stemhub.spec;
  if (!queue) throw new Error("no queue");
  const told = queueConfiguration(stemhub, queue, "cluster.local");
  const configuration = {
    ...told,
    components: { api: app.base },
    nats: { ...told.nats, servers: [`tls://localhost:${nats}`] },
  };
  const signing = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const modePort = await modeServer.start();
  const files: Record<string, string> = {
    "queue/queue.json": JSON.stringify(configuration),
    "keys/keys.json": JSON.stringify({ current: "k1", keys: { k1: randomBytes(32).toString("base64") } }),
    "keys/signing-key.pem": signing,
    "tls/tls.crt": server.certificate,
    "tls/tls.key": server.key,
    "tls/ca.crt": authority.certificate,
    "nats/username": "queue",
    "nats/password": password,
    kubeconfig: JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${modePort}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
    "nats.conf": natsConfiguration(stemhub, queue, "cluster.local")
      .replaceAll("/etc/stemhub/tls", join(directory, "tls"))
      .replace('"/data"', JSON.stringify(join(directory, "data")))
      .replace(`port: ${queuePorts.nats}`, `port: ${nats}`)
      .replace(`http_port: ${queuePorts.monitor}`, `http_port: ${monitor}`),
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  const env = { ...process.env, POD_NAME: "studio-queue-nats-0", NATS_USER: "queue", NATS_PASSWORD: `"${password}"` };
  processes.push(spawn(join(bin, "nats-server"), ["--config", join(directory, "nats.conf")], { env, stdio: "ignore" }));
  [api] = [await freePort()];
  const flags = ["--port", String(api), "--health-port", String(await freePort())];
  const serve = ["--directory", directory, "serve", ...flags, "--kubeconfig", join(directory, "kubeconfig")];
  processes.push(spawn(process.execPath, [main, ...serve], { stdio: ["ignore", "ignore", "inherit"] }));
  await eventually("the queue answers the operator", () => summary());
});

afterAll(async () => {
  for (const each of processes.reverse()) {
    each.kill("SIGTERM");
    await once(each, "exit");
  }
  modeServer.stop();
  await app.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

const summary = () =>
  askQueue(
    { host: "localhost", port: api, cert: operator.certificate, key: operator.key, ca: authority.certificate },
    new AbortController().signal,
  );

interface Reply {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

function ask(client: KeyPair | undefined, method: string, path: string, headers = {}, body = ""): Promise<Reply> {
  const identity = client ? { cert: client.certificate, key: client.key } : {};
  const options = {
    host: "localhost",
    port: api,
    method,
    path,
    headers,
    ca: authority.certificate,
    agent: false,
    ...identity,
  };
  return new Promise((resolve, reject) => {
    const asked = request(options, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const { statusCode: status = 0, headers: told } = response;
      resolve({ status, location: told.location, body: Buffer.concat(chunks).toString() });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const claims = (sub: string) =>
  Buffer.from(JSON.stringify({ iss: "https://studio.example", sub })).toString("base64url");
const write = (key: string, uri = "/api/projects/7") =>
  ask(
    gateway,
    "POST",
    "/v1/writes",
    {
      "idempotency-key": key,
      "x-stemhub-method": "PATCH",
      "x-stemhub-uri": uri,
      "x-stemhub-aggregate": uri,
      "x-stemhub-component": "api",
      "x-stemhub-claims": claims("ada"),
      "content-type": "application/json",
    },
    "{}",
  );
const deadLetters = async (...args: string[]) => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [main, "--directory", directory, "dead-letters", ...args]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
};

describe("given the queue's program", () => {
  test("when a client shows no certificate, or not the one that may ask, then it gets nothing", async () => {
    await expect(ask(undefined, "GET", "/v1/summary")).rejects.toThrow();
    expect(await ask(gateway, "GET", "/v1/summary")).toMatchObject({ status: 403 });
    expect(await ask(operator, "POST", "/v1/writes")).toMatchObject({ status: 403 });
  });

  test("when a write is queued, then it is applied as soon as the watched mode says so, and its author is told", async () => {
    const taken = await write("k-1");
    expect(taken).toMatchObject({
      status: 202,
      location: expect.stringMatching(/^\/\.well-known\/stemhub\/writes\/.{43}$/),
    });
    const path = `/v1/writes/${taken.location?.split("/").at(-1)}`;
    expect(await summary()).toMatchObject({ queued: 1 });
    expect((await ask(gateway, "GET", path, { "x-stemhub-claims": claims("grace") })).status).toBe(404);

    modeServer.set(modeData("Draining"));
    await eventually("it is applied", () => app.applied.get("k-1") === 1);
    expect(await write("k-2")).toMatchObject({ status: 204 });
    const told = await eventually("its author is told", async () => {
      const { body } = await ask(gateway, "GET", path, { "x-stemhub-claims": claims("ada") });
      const status = JSON.parse(body);
      return status.state === "Applied" && status;
    });
    expect(told).toMatchObject({ status: 200, attempts: 1 });
  });

  test("when a write is refused by the app, then the command lists it, and retries it", async () => {
    modeServer.set(modeData("ReadOnly"));
    app.fault = () => ({ status: 422 });
    await eventually("it is queued", async () => (await write("k-3")).status === 202);
    modeServer.set(modeData("Normal"));
    await eventually("it is a dead letter", async () => (await summary()).deadLetters === 1);
    const [letter] = await deadLetters("list");
    expect(letter).toMatchObject({ reason: "Refused", status: 422, write: { uri: "/api/projects/7" } });
    app.fault = () => undefined;
    expect(await deadLetters("retry", letter.id)).toEqual([{ id: letter.id, state: "Queued" }]);
    await eventually("it is applied", () => app.applied.get("k-3") === 1);
    expect(await deadLetters("list")).toEqual([]);
  });
});
