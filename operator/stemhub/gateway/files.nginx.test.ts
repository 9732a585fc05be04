import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ensurePrograms } from "../../../e2e/cluster/local/programs.ts";
import { silentProgress } from "../../../e2e/progress.ts";
import { amzDate, authorization, encodeKey } from "../../../workloads/gateway/njs/files/sigv4.ts";
import { TestDns } from "../../../workloads/gateway/testing/dns.ts";
import { aModeDocument } from "../../../workloads/gateway/testing/mode.ts";
import { freePort, smallConfiguration, TestNginx } from "../../../workloads/gateway/testing/nginx.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { fileDirectives, fileLocation, fileLocations, hasFiles, storageFile } from "./files.ts";
import { problemLines } from "./problems.ts";
import { routesOf } from "./routes.ts";

const keys = { accessKeyId: "musician", secretAccessKey: "not-a-secret-of-anybody" };
const stem = randomBytes(5 * 1024 * 1024 + 12_345);
/** For how long a file is taken as it was. */
const cacheSeconds = 2;

/** VersityGW with one bucket, which can be ended, frozen and started again over the same files. */
class Storage {
  readonly port: number;
  readonly #folder: string;
  readonly #program: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, program: string) {
    this.port = port;
    this.#folder = folder;
    this.#program = program;
  }

  static async start(): Promise<Storage> {
    const folder = await mkdtemp(join(tmpdir(), "storage-"));
    await mkdir(join(folder, "stems"));
    const programs = await ensurePrograms(["versitygw"], silentProgress);
    const storage = new Storage(await freePort(), folder, join(programs, "versitygw"));
    await storage.begin();
    return storage;
  }

  async begin(): Promise<void> {
    const address = ["--port", `127.0.0.1:${this.port}`, "--region", "auto", "--quiet", "posix", this.#folder];
    const env = { ...process.env, ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey };
    this.#process = spawn(this.#program, address, { env, stdio: "ignore" });
    await vi.waitFor(() => fetch(`http://127.0.0.1:${this.port}/`), { timeout: 10_000 });
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name);
  }

  async end(): Promise<void> {
    this.#process?.kill("SIGKILL");
    if (this.#process?.exitCode === null) await once(this.#process, "exit");
    this.#process = undefined;
  }

  async remove(): Promise<void> {
    await this.end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A PUT, signed by what the gateway signs with. */
  async put(key: string, body: string | Buffer): Promise<void> {
    const date = amzDate(Date.now());
    const host = `127.0.0.1:${this.port}`;
    const path = `/stems/${encodeKey(key)}`;
    const payloadHash = "UNSIGNED-PAYLOAD";
    const headers = [
      ["host", host],
      ["x-amz-content-sha256", payloadHash],
      ["x-amz-date", date],
    ] as const;
    const signer = { ...keys, region: "auto", service: "s3", date };
    const signed = await authorization({ method: "PUT", path, headers, payloadHash }, signer);
    const answer = await fetch(`http://${host}${path}`, {
      method: "PUT",
      headers: { authorization: signed, "x-amz-date": date, "x-amz-content-sha256": payloadHash },
      body: typeof body === "string" ? body : new Uint8Array(body),
    });
    if (!answer.ok) throw new Error(`PUT ${key}: ${answer.status} ${await answer.text()}`);
  }
}

let dns: TestDns;
let storage: Storage;
let nginx: TestNginx;
let port: number;

beforeAll(async () => {
  dns = await TestDns.start();
  storage = await Storage.start();
  await storage.put("music/stem.wav", stem);
  await storage.put("music/Größe (1)+&a b.txt", "with a name");
  await storage.put("music/empty.txt", "");
  await storage.put("music/page.html", "<script>alert(1)</script>");
  await storage.put("private.txt", "outside of the prefix");
  const stemhub = aStemHub({
    storage: {
      endpoint: `http://storage.test:${storage.port}`,
      bucket: "stems",
      region: "auto",
      credentialsSecret: { name: "s3" },
      cacheSize: "64Mi",
    },
    gateway: { routes: [{ path: "/files/", files: { prefix: "music/", cacheSeconds } }] },
  });
  port = await freePort();
  const everyAnswer = ["add_header X-Content-Type-Options nosniff always;"];
  const [route] = routesOf(stemhub).filter(hasFiles);
  if (!route) throw new Error("no route of files");
  nginx = await TestNginx.prepare({
    configuration: smallConfiguration(`
  access_log off;
  resolver 127.0.0.1:${dns.port} ipv6=off;
  js_import gateway from /usr/local/lib/stemhub/gateway.js;
  js_shared_dict_zone zone=stemhub:4M;
  js_set $stemhub_state gateway.state;
  ${fileDirectives(stemhub).join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    ${fileLocations(stemhub, everyAnswer).join("\n    ")}
    ${problemLines(everyAnswer).join("\n")}
    location @nobody { return 401; }
    location @unknown { return 503; }
    ${fileLocation(route, [], everyAnswer)}
    location / { return 404 "nothing"; }
  }
  server {
    listen unix:/run/stemhub/nginx.sock;
    location = /hand-over { js_content gateway.handOver; }
  }`),
    files: {
      "gateway/storage.json": storageFile(stemhub) ?? "",
      "storage-credentials/accessKeyId": keys.accessKeyId,
      "storage-credentials/secretAccessKey": keys.secretAccessKey,
    },
  });
  await nginx.start(port);
});
afterAll(async () => {
  await nginx?.stop();
  await storage?.remove();
  dns?.stop();
});

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers, method });
const bytes = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const expire = () => new Promise((resolve) => setTimeout(resolve, (cacheSeconds + 1) * 1_000));

describe("given a storage that answers", () => {
  test("a file comes whole, with its type and tag, and no script in it runs as the platform's", async () => {
    const answer = await get("/files/stem.wav");
    expect(answer.status).toBe(200);
    expect((await bytes(answer)).equals(stem)).toBe(true);
    expect(answer.headers.get("etag")).toMatch(/^"/);
    expect(answer.headers.get("content-security-policy")).toContain("sandbox");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect([...answer.headers.keys()].filter((name) => name.startsWith("x-amz"))).toEqual([]);
    expect(answer.headers.get("x-stemhub-stale")).toBeNull();
  });

  test.each([
    ["bytes=0-9", 0, 10],
    ["bytes=1048570-1048590", 1_048_570, 1_048_591],
    ["bytes=3000000-", 3_000_000, stem.length],
    ["bytes=-7", stem.length - 7, stem.length],
  ])("of it, %s", async (range, from, to) => {
    const answer = await get("/files/stem.wav", { range });
    expect(answer.status).toBe(206);
    expect((await bytes(answer)).equals(stem.subarray(from, to))).toBe(true);
    expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${stem.length}`);
  });

  test("a range beyond its end is refused", async () => {
    expect((await get("/files/stem.wav", { range: "bytes=99999999-" })).status).toBe(416);
  });

  test("HEAD says its size", async () => {
    const answer = await get("/files/stem.wav", {}, "HEAD");
    expect([answer.status, answer.headers.get("content-length")]).toEqual([200, String(stem.length)]);
  });

  test("who has it already is told so", async () => {
    const etag = (await get("/files/stem.wav")).headers.get("etag") ?? "";
    expect((await get("/files/stem.wav", { "if-none-match": etag })).status).toBe(304);
  });

  test("a key may have any letters", async () => {
    expect(await (await get(`/files/${encodeURIComponent("Größe (1)+&a b.txt")}`)).text()).toBe("with a name");
  });

  test("a file of nothing is one", async () => {
    const answer = await get("/files/empty.txt");
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  test.each([
    ["the bucket's list", "/files/", "GET", 404],
    ["a folder's list", "/files/a/", "GET", 404],
    ["a query of S3's own", "/files/?list-type=2", "GET", 404],
    ["what is outside of the prefix", "/files/../private.txt", "GET", 404],
    ["the same, encoded", "/files/%2e%2e/private.txt", "GET", 404],
    ["the same, encoded further", "/files/..%2fprivate.txt", "GET", 404],
    ["what is not there", "/files/none.wav", "GET", 404],
    ["a write", "/files/stem.wav", "PUT", 405],
    ["a removal", "/files/stem.wav", "DELETE", 405],
  ])("%s is not given: %s", async (_, path, method, status) => {
    // fetch would tidy the path up.
    const given = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request({ port, host: "127.0.0.1", path, method }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on("error", reject);
      sent.end();
    });
    expect(given).toBe(status);
  });

  test("a file that changes is new after its time, and not before", async () => {
    await storage.put("music/notes.txt", "first");
    expect(await (await get("/files/notes.txt")).text()).toBe("first");
    await storage.put("music/notes.txt", "second");
    expect(await (await get("/files/notes.txt")).text()).toBe("first");
    await expire();
    expect(await (await get("/files/notes.txt")).text()).toBe("second");
  });
});

describe("given a storage that is away", () => {
  const kept = async (marked: boolean) => {
    const whole = await get("/files/stem.wav");
    expect(whole.status).toBe(200);
    expect((await bytes(whole)).equals(stem)).toBe(true);
    expect(whole.headers.get("x-stemhub-stale")).toBe(marked ? "true" : null);
    const part = await get("/files/stem.wav", { range: "bytes=2000000-2000099" });
    expect((await bytes(part)).equals(stem.subarray(2_000_000, 2_000_100))).toBe(true);
  };
  const away = async (path: string) => {
    const answer = await get(path);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("retry-after")).toBe("15");
    return (await answer.json()) as { detail: string; capability: string };
  };

  test("gone: what was asked for is served and marked, ranges too; what was not is answered with the notice", async () => {
    await kept(false);
    await storage.end();
    await expire();
    await kept(true);
    expect(await away("/files/page.html")).toMatchObject({
      capability: "storage",
      detail: "Working offline - changes will sync when reconnected",
    });
    await storage.begin();
    await kept(false);
    expect((await get("/files/page.html")).status).toBe(200);
  });

  test("there, and its name cannot be resolved: the same", { timeout: 60_000 }, async () => {
    await kept(false);
    dns.answers = false;
    await expire();
    const before = dns.asked;
    await kept(true);
    expect(dns.asked).toBeGreaterThan(before);
    await away("/files/none.wav");
    dns.answers = true;
    await vi.waitFor(async () => expect((await get("/files/none.wav")).status).toBe(404), { timeout: 15_000 });
    await kept(false);
  });

  test("frozen, and known to be: what is kept comes at once", async () => {
    await kept(false);
    storage.signal("SIGSTOP");
    await expire();
    const body = JSON.stringify({ mode: JSON.stringify(aModeDocument({ storage: "Unavailable", epoch: 5 })) });
    await new Promise<void>((resolve, reject) => {
      const options = { socketPath: `${nginx.sockets}/nginx.sock`, path: "/hand-over", method: "PUT", agent: false };
      const sent = request(options, (answer) => answer.resume().on("end", resolve));
      sent.on("error", reject);
      sent.end(body);
    });
    const began = performance.now();
    await kept(true);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect((await away("/files/none.wav")).detail).toBe("storage is not as it should be");
    storage.signal("SIGCONT");
  });

  test("the log has neither a signature nor a key", async () => {
    const log = await nginx.log();
    expect(log).not.toMatch(/Signature=|AWS4-HMAC/);
    expect(log).not.toContain(keys.secretAccessKey);
  });
});
