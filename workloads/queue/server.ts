import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import type { QueueConfiguration } from "../../operator/api/queue-configuration.ts";
import { readClaims } from "./arrival.ts";
import type { Door } from "./door.ts";
import * as problems from "./problems.ts";

/** Certificate, key and the authority that signs clients, PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** What users are told of a queued write; the gateway may put the words of spec.modes.messages in its place. */
const savedForLater = "Saved for later - it will be applied when the service is back";

/** A gateway that stalls may not hold a connection for ever. */
const requestDeadlineMs = 30_000;

/**
 * The queue's HTTPS API. Every client shows a certificate of the StemHub's authority; its common name decides what it may
 * ask: the gateway queues writes and asks for their status, the operator reads the summary.
 */
export function createQueueServer(
  door: Door,
  { clients, limits }: Pick<QueueConfiguration, "clients" | "limits">,
  tls: ServerTls,
) {
  const server = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" },
    (request, response) => {
      answer(request, response).catch(() => {
        if (!response.headersSent) refuse(response, problems.storeAway);
        else response.destroy();
      });
    },
  );
  server.requestTimeout = requestDeadlineMs;
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const client = commonName(request);
    const path = request.url?.split("?", 1)[0] ?? "";
    const asked = `${request.method} ${path}`;
    if (asked === "GET /v1/summary") {
      if (client !== clients.operator) return refuse(response, problems.notLetIn);
      return reply(response, 200, await door.summary());
    }
    if (client !== clients.gateway) return refuse(response, problems.notLetIn);
    if (asked === "POST /v1/writes") return await take(request, response);
    const id = /^GET \/v1\/writes\/([A-Za-z0-9_-]{43})$/.exec(asked)?.[1];
    return id === undefined ? refuse(response, problems.notFound) : await tell(id, request, response);
  }

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, limits.bodyBytes);
    if (!body) {
      response.setHeader("connection", "close");
      return refuse(response, problems.bodyTooLarge);
    }
    const taken = await door.take(request.headers, body);
    switch (taken.kind) {
      case "refused":
        return refuse(response, taken.problem);
      case "pass":
        response.writeHead(204, { "x-stemhub-queue": "pass" }).end();
        return;
      case "accepted": {
        const location = `/.well-known/stemhub/writes/${taken.id}`;
        response.setHeader("location", location);
        return reply(response, 202, { id: taken.id, status: location, message: savedForLater });
      }
    }
  }

  async function tell(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const claims = readClaims(header(request, "x-stemhub-claims"));
    const status = claims && (await door.statusOf(id, claims));
    return status ? reply(response, 200, status) : refuse(response, problems.notFound);
  }
}

/** The whole body; undefined when it is larger than it may be, of which the rest is not read. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function commonName(request: IncomingMessage): string | undefined {
  const name = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
  return typeof name === "string" ? name : undefined;
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse, problem: problems.Problem): void {
  if (problem.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(problem.retryAfterSeconds));
  response.writeHead(problem.status, { "content-type": "application/problem+json", "cache-control": "no-store" });
  response.end(problems.problemBody(problem));
}

/** Listens; resolves with the port, which the system chooses for 0. */
export function listen(server: Server, port: number, host?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}
