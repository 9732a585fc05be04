import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./nats.ts";

/** What the app is to do with the next request: answer so, or break off before or after it has applied the write. */
export type Fault = { readonly status: number; readonly headers?: Record<string, string> } | "cutBefore" | "cutAfter";

/** A request that the app got. */
export interface Seen {
  readonly key: string;
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/**
 * A small real app: it applies each write, remembers its key in the same step as one that takes Idempotency-Key does, and
 * answers a key that it knows as it did the first time. With `remembers: false` it applies whatever comes.
 */
export class TestApp {
  /** Every request, in the order of arrival. */
  readonly seen: Seen[] = [];
  /** How often each key was applied. */
  readonly applied = new Map<string, number>();
  /** Keys in the order in which they were applied, by path without query. */
  readonly order = new Map<string, string[]>();
  /** Asked for each request. */
  fault: (seen: Seen) => Fault | undefined = () => undefined;
  /** How long the app works on one request, ms. */
  workMs = 0;
  /** The most requests of one path at once: more than one breaks the promise. */
  mostAtOnce = 0;
  readonly #remembers: boolean;
  readonly #atWork = new Map<string, number>();
  #server: Server | undefined;
  port = 0;

  constructor({ remembers = true }: { readonly remembers?: boolean } = {}) {
    this.#remembers = remembers;
  }

  get base(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Where it listened before, if it did. */
  async start(): Promise<void> {
    this.port ||= await freePort();
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Ends at once: what it was working on gets no answer. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split("?", 1)[0] ?? "";
    const atOnce = (this.#atWork.get(path) ?? 0) + 1;
    this.#atWork.set(path, atOnce);
    this.mostAtOnce = Math.max(this.mostAtOnce, atOnce);
    response.once("close", () => this.#atWork.set(path, (this.#atWork.get(path) ?? 1) - 1));
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { headers, method = "", url: uri = "" } = request;
    const key = String(headers["idempotency-key"]);
    const seen = { key, method, uri, body: Buffer.concat(chunks).toString(), headers };
    this.seen.push(seen);
    if (this.workMs > 0) await sleep(this.workMs);
    const fault = this.fault(seen);
    if (fault === "cutBefore") return void request.socket.destroy();
    if (typeof fault === "object") return void response.writeHead(fault.status, fault.headers).end();
    if (!this.#remembers || !this.applied.has(key)) {
      this.applied.set(key, (this.applied.get(key) ?? 0) + 1);
      this.order.set(path, [...(this.order.get(path) ?? []), key]);
    }
    if (fault === "cutAfter") return void request.socket.destroy();
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }
}
