import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "./metrics.ts";

export interface HealthServer {
  /** Where it listens: the port asked for, or the one that the system chose for 0. */
  readonly port: number;
  close(): Promise<void>;
}

export interface HealthOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** Default: all addresses, IPv6 and IPv4. */
  readonly host?: string;
  readonly metrics: Metrics;
  /** Why the process should be restarted; undefined while it is well. */
  readonly live: () => string | undefined;
  /** Why it should get no traffic, and a rollout should wait; undefined while it is ready. */
  readonly ready: () => string | undefined;
}

/** Serves /metrics, /healthz and /readyz; the probes answer 200 `ok`, or 503 and the reason. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  // A scraper that says nothing may not hold a connection for Node's default five minutes.
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function answer(options: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  switch (request.url?.split("?", 1)[0]) {
    case "/metrics": {
      const text = await options.metrics.text();
      response.writeHead(200, { "content-type": options.metrics.contentType }).end(text);
      return;
    }
    case "/healthz":
    case "/livez":
      return probe(response, options.live());
    case "/readyz":
      return probe(response, options.ready());
    default:
      response.writeHead(404, { "content-type": "text/plain" }).end("there are /metrics, /healthz and /readyz\n");
  }
}

function probe(response: ServerResponse, reason: string | undefined): void {
  response.writeHead(reason === undefined ? 200 : 503, { "content-type": "text/plain" }).end(`${reason ?? "ok"}\n`);
}
