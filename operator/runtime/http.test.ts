import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { KubeApi } from "./api.ts";
import { connect } from "./connect.ts";
import { tokenCredentials } from "./credentials.ts";
import { ApiError, ConflictError, ExpiredError, ForbiddenError, TransientError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that answers as told, and a client of it. */
async function serve(handler: RequestListener): Promise<{ api: KubeApi; metrics: Metrics; sockets: Set<Socket> }> {
  server = createServer(handler).listen(0, "127.0.0.1");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const metrics = createMetrics();
  const credentials = tokenCredentials(`http://127.0.0.1:${port}`, "secret");
  return { api: await connect({ credentials, fieldManager: "test", metrics }), metrics, sockets };
}

const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "ns" } };
const status = (code: number, reason: string) => JSON.stringify({ kind: "Status", code, reason, message: "no" });

describe("a refusal is an error named by its remedy", () => {
  test.each([
    [403, "Forbidden", ForbiddenError],
    [409, "Conflict", ConflictError],
    [410, "Expired", ExpiredError],
    [422, "Invalid", ApiError],
    [500, "InternalError", ApiError],
  ])("%i %s", async (code, reason, error) => {
    const { api } = await serve((_, response) => response.writeHead(code).end(status(code, reason)));
    const failure = await api.apply(configMap).catch((caught: unknown) => caught);
    expect(failure).toBeInstanceOf(error);
    expect(failure).toMatchObject({ status: code, reason, message: "no" });
  });

  test("429 carries how long to wait", async () => {
    const { api } = await serve((_, response) =>
      response.writeHead(429, { "retry-after": "7" }).end(status(429, "TooManyRequests")),
    );
    await expect(api.list(kinds.pods, "ns")).rejects.toMatchObject({ status: 429, retryAfterMs: 7_000 });
  });

  test("404 of an object is its absence, of anything else an error", async () => {
    const { api } = await serve((request, response) => {
      const known = request.url?.includes("/configmaps/");
      response.writeHead(404).end(known ? status(404, "NotFound") : "404 page not found");
    });
    expect(await api.get(kinds.configMaps, "ns", "a")).toBeUndefined();
    await expect(api.delete(kinds.configMaps, "ns", "a")).resolves.toBeUndefined();
    await expect(api.get(kinds.pods, "ns", "a")).rejects.toMatchObject({ status: 404, reason: "HTTP 404" });
  });
});

describe("a call ends by its deadline", () => {
  test("when nothing answers", async () => {
    const { api } = await serve(() => undefined);
    await expect(api.get(kinds.pods, "ns", "a", { timeoutMs: 50 })).rejects.toThrow(
      new TransientError("GET /api/v1/namespaces/ns/pods/a: no answer within 50 ms"),
    );
  });

  test("when the answer stops half way, and the connection is not used again", async () => {
    let requests = 0;
    const { api, sockets } = await serve((_, response) => {
      requests += 1;
      if (requests > 1) response.end(JSON.stringify(configMap));
      else response.writeHead(200, { "content-length": "100" }).write("{");
    });
    await expect(api.get(kinds.pods, "ns", "a", { timeoutMs: 50 })).rejects.toBeInstanceOf(TransientError);
    await api.get(kinds.pods, "ns", "a");
    expect(sockets.size).toBe(2);
  });
});

describe("a signal", () => {
  test("ends the call under way with its reason", async () => {
    const { api } = await serve(() => undefined);
    const stop = new AbortController();
    const call = api.bound({ signal: stop.signal }).get(kinds.pods, "ns", "a");
    setTimeout(() => stop.abort(new Error("lost")), 20);
    await expect(call).rejects.toThrow("lost");
  });

  test("that is aborted lets no request out", async () => {
    let requests = 0;
    const { api } = await serve((_, response) => {
      requests += 1;
      response.end("{}");
    });
    const bound = api.bound({ signal: AbortSignal.abort(new Error("lost")) });
    await expect(bound.get(kinds.pods, "ns", "a")).rejects.toThrow("lost");
    await expect(bound.create(configMap)).rejects.toThrow("lost");
    await expect(bound.watch(kinds.pods, "ns", { resourceVersion: "1", timeoutSeconds: 1, idleMs: 1 })).rejects.toThrow(
      "lost",
    );
    expect(requests).toBe(0);
  });

  test("is checked after the credentials have come, at the last moment", async () => {
    const { api } = await serve((_, response) => response.end("{}"));
    let held = true;
    const bound = api.bound({
      signal: new AbortController().signal,
      check: () => {
        if (!held) throw new Error("late");
      },
    });
    const call = bound.get(kinds.pods, "ns", "a");
    held = false;
    await expect(call).rejects.toThrow("late");
  });
});

test("a kept-alive connection that the server closed costs a read nothing", async () => {
  const { api } = await serve((request, response) => {
    response.end(JSON.stringify(configMap));
    // Closed just as the next request is on its way: the client has no way to know.
    response.on("finish", () => setImmediate(() => request.socket.resetAndDestroy()));
  });
  for (let i = 0; i < 20; i++) expect(await api.get(kinds.configMaps, "ns", "a")).toBeDefined();
});

describe("a watch", () => {
  const watch = (api: KubeApi, idleMs = 1_000) =>
    api.watch(kinds.pods, "ns", { resourceVersion: "1", timeoutSeconds: 1, idleMs });
  const line = (type: string, object: object) => Buffer.from(`${JSON.stringify({ type, object })}\n`);

  test("gives its events whole, however they are cut", async () => {
    const bytes = Buffer.concat([line("ADDED", { a: "ä€😀" }), line("MODIFIED", { b: 1 }), line("BOOKMARK", {})]);
    const { api } = await serve(async (_, response) => {
      response.writeHead(200);
      for (const byte of bytes) {
        response.write(Buffer.from([byte]));
        if (byte % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    });
    const seen: unknown[] = [];
    for await (const { type, object } of await watch(api)) seen.push([type, object]);
    expect(seen).toEqual([
      ["ADDED", { a: "ä€😀" }],
      ["MODIFIED", { b: 1 }],
      ["BOOKMARK", {}],
    ]);
  });

  test("that says nothing for too long is dead", async () => {
    const { api } = await serve((_, response) => {
      response.writeHead(200);
      response.write(line("ADDED", {}));
    });
    const events = (await watch(api, 60))[Symbol.asyncIterator]();
    expect((await events.next()).done).toBe(false);
    await expect(events.next()).rejects.toThrow("nothing was read for 60 ms");
  });

  test("throws what an ERROR event says", async () => {
    const { api } = await serve((_, response) =>
      response.end(line("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old" })),
    );
    const events = (await watch(api))[Symbol.asyncIterator]();
    await expect(events.next()).rejects.toBeInstanceOf(ExpiredError);
  });

  test("from a version that the server never had needs a new list too", async () => {
    const details = { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }] };
    const { api } = await serve((_, response) =>
      response
        .writeHead(504)
        .end(JSON.stringify({ kind: "Status", code: 504, reason: "Timeout", message: "no", details })),
    );
    await expect(watch(api)).rejects.toBeInstanceOf(ExpiredError);
  });

  test("that is left early closes its connection", async () => {
    let closed = false;
    const { api } = await serve((request, response) => {
      request.on("close", () => {
        closed = true;
      });
      response.writeHead(200);
      response.write(line("ADDED", {}));
    });
    for await (const _ of await watch(api)) break;
    await expect.poll(() => closed).toBe(true);
  });
});

test("requests are counted by status, method and host", async () => {
  const { api, metrics } = await serve((request, response) => {
    if (request.method === "GET") response.end("{}");
    else request.socket.destroy();
  });
  await api.get(kinds.pods, "ns", "a");
  await api.create(configMap).catch(() => undefined);
  const text = await metrics.text();
  expect(text).toMatch(/rest_client_requests_total\{method="GET",code="200",host="127.0.0.1:\d+"\} 1/);
  expect(text).toMatch(/rest_client_requests_total\{method="POST",code="<error>",host="127.0.0.1:\d+"\} 1/);
});
