import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { askReads, type ReadPath } from "./reads.ts";
import { askService, BadAccessError } from "./service.ts";
import { askStorage, type StorageAccess } from "./storage.ts";

const { signal } = new AbortController();
const timeoutMs = 200;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serving(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    answer(request, response, chunks.join(""));
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await new Promise((resolve) => server.once("listening", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/**
 * A bucket. Where it lies: it takes any signature of the right key, and keeps one object. The real thing was asked by hand
 * (VersityGW 1.8.0), and is by e2e.
 */
async function aBucket(
  refuses: (method: string) => [status: number, code: string] | "hangs" | undefined = () => undefined,
) {
  const bucket = { object: undefined as string | undefined, methods: [] as string[], endpoint: "" };
  bucket.endpoint = await serving((request, response, body) => {
    const { method = "", headers, url } = request;
    bucket.methods.push(method);
    const say = (status: number, code = "") =>
      response.writeHead(status).end(code && `<Error><Code>${code}</Code></Error>`);
    const refusal = refuses(method);
    if (refusal === "hangs") return;
    if (refusal) return void say(...refusal);
    if (url !== "/stems/.stemhub/canary") return void say(404, "NoSuchBucket");
    if (!headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=id/")) return void say(403, "AccessDenied");
    if (method === "PUT") {
      if (bucket.object !== undefined && headers["if-none-match"] === "*") return void say(412, "PreconditionFailed");
      bucket.object = body;
      return void say(200);
    }
    if (method === "DELETE") {
      bucket.object = undefined;
      return void say(204);
    }
    if (bucket.object === undefined) return void say(404, "NoSuchKey");
    return void response.end(bucket.object);
  });
  return bucket;
}

const storage = (endpoint: string, access: () => Promise<StorageAccess> = async () => keys) =>
  askStorage({ endpoint, bucket: "stems", region: "auto", key: ".stemhub/canary", access });
const keys: StorageAccess = { accessKeyId: "id", secretAccessKey: "secret", authority: undefined };
const troubles = async (endpoint: string, access?: () => Promise<StorageAccess>) =>
  (await storage(endpoint, access).ask(timeoutMs, signal))?.map(({ trouble }) => trouble);

describe("given storage", () => {
  test("when it works, then reads and writes do, and nothing is left", async () => {
    const bucket = await aBucket();
    expect(await troubles(bucket.endpoint)).toEqual([undefined, undefined]);
    expect([bucket.methods, bucket.object]).toEqual([["PUT", "GET", "DELETE"], undefined]);
  });

  test("when an object was left, then it is put anew and removed", async () => {
    const bucket = await aBucket();
    bucket.object = "left by an operator that ended";
    expect(await troubles(bucket.endpoint)).toEqual([undefined, undefined]);
    expect(bucket.object).toBeUndefined();
  });

  test("when it takes no writes, then its reads are known to work", async () => {
    const bucket = await aBucket((method) => (method === "PUT" ? [507, "QuotaExceeded"] : undefined));
    expect(await troubles(bucket.endpoint)).toEqual([undefined, "PUT answers 507 QuotaExceeded"]);
  });

  test("when nothing can be removed, then that is a write that fails", async () => {
    const bucket = await aBucket((method) => (method === "DELETE" ? [403, "AccessDenied"] : undefined));
    expect(await troubles(bucket.endpoint)).toEqual([undefined, "DELETE answers 403 AccessDenied"]);
  });

  test("when it hangs, then both fail by their deadlines, and at once the next time", async () => {
    const { endpoint } = await aBucket(() => "hangs");
    const asker = storage(endpoint);
    const silent = { trouble: "no answer within 0.2 s", silent: true };
    const expected = [
      { question: "storageReads", ...silent },
      { question: "storageWrites", ...silent },
    ];
    expect(await asker.ask(timeoutMs, signal)).toEqual(expected);
    const began = performance.now();
    expect(await asker.ask(timeoutMs, signal)).toEqual(expected);
    expect(performance.now() - began).toBeLessThan(2 * timeoutMs);
  });

  test("when its Secret is not as it should be, then it says so; when nobody can tell, then nothing is known", async () => {
    const bad = async () => Promise.reject(new BadAccessError("Secret studio-s3 is not there"));
    expect(await troubles("http://127.0.0.1:1", bad)).toEqual(Array(2).fill("Secret studio-s3 is not there"));
    expect(await troubles("http://127.0.0.1:1", async () => Promise.reject(new Error("API away")))).toBeUndefined();
  });
});

describe("given a service", () => {
  test.each<[string, number, string | undefined]>([
    ["well", 200, undefined],
    ["by leading elsewhere", 302, undefined],
    ["that it is not ready", 503, "answers 503"],
    ["that it has no such path", 404, "answers 404"],
  ])("when it answers %s, then that is well or not", async (_, status, trouble) => {
    const url = await serving((_request, response) => void response.writeHead(status).end("x".repeat(100_000)));
    const [answer] = (await askService({ question: "auth", url }).ask(timeoutMs, signal)) ?? [];
    expect(answer?.trouble).toBe(trouble && `${url} ${trouble}`);
  });

  test("when it hangs or is gone, then that is trouble, and the silence is told from the refusal", async () => {
    const url = await serving(() => undefined);
    const ask = async (target: string) =>
      (await askService({ question: "auth", url: target }).ask(timeoutMs, signal))?.[0];
    expect(await ask(url)).toMatchObject({ trouble: `${url}: no answer within 0.2 s`, silent: true });
    expect(await ask("http://127.0.0.1:1")).toMatchObject({
      trouble: "http://127.0.0.1:1: ECONNREFUSED",
      silent: false,
    });
  });
});

/** A way to the database whose sessions answer as the test says. */
function aPath(name: string) {
  const path = { opened: 0, closed: 0, mode: "well" as "well" | "replica" | "hangs" | "refuses" };
  const open: ReadPath["open"] = async () => {
    if (path.mode === "refuses") throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    path.opened += 1;
    return {
      open: true,
      query: () =>
        path.mode === "hangs" ? new Promise(() => undefined) : Promise.resolve([{ replica: path.mode === "replica" }]),
      close: () => {
        path.closed += 1;
      },
    };
  };
  return Object.assign(path, { path: { name, open } });
}

describe("given a database that is read through its Service", () => {
  test("when it answers, then its session is kept, and it is known who answered", async () => {
    const service = aPath("studio-db");
    const asker = askReads([service.path]);
    expect(await asker.ask(timeoutMs, signal)).toEqual([{ question: "reads", trouble: undefined, replica: false }]);
    service.mode = "replica";
    expect(await asker.ask(timeoutMs, signal)).toEqual([{ question: "reads", trouble: undefined, replica: true }]);
    asker.close();
    expect([service.opened, service.closed]).toEqual([1, 1]);
  });

  test("when the Service leads to a proxy that is lost, then another proxy's answer counts", async () => {
    const [service, proxy] = [aPath("studio-db"), aPath("10.0.0.7")];
    const asker = askReads([service.path, proxy.path]);
    await asker.ask(timeoutMs, signal);
    service.mode = "hangs";
    expect((await asker.ask(timeoutMs, signal))?.[0]?.trouble).toBeUndefined();
    expect(proxy.opened - proxy.closed).toBe(0);
  });

  test("when nobody answers, then it fails, and the silence is told from the refusal", async () => {
    const [service, proxy] = [aPath("studio-db"), aPath("10.0.0.7")];
    const asker = askReads([service.path, proxy.path]);
    [service.mode, proxy.mode] = ["hangs", "hangs"];
    expect((await asker.ask(timeoutMs, signal))?.[0]).toMatchObject({
      trouble: "studio-db: no answer within 0.2 s",
      silent: true,
    });
    [service.mode, proxy.mode] = ["refuses", "hangs"];
    expect((await asker.ask(timeoutMs, signal))?.[0]).toMatchObject({
      trouble: "studio-db: ECONNREFUSED",
      silent: false,
    });
  });
});
