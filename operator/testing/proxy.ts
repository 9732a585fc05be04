import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { type Credentials, tokenCredentials } from "../runtime/credentials.ts";

/** What the proxy does with one request instead of passing it on. */
export type Fault =
  /** Answers with a Status of the API server. */
  | { readonly kind: "status"; readonly code: number; readonly reason: string; readonly retryAfterSeconds?: number }
  /** Closes the connection without an answer; the API server never sees the request. */
  | { readonly kind: "cut" }
  /** Passes the request on and closes the connection instead of answering: done, but nobody is told. */
  | { readonly kind: "swallow" }
  /** Never answers, and keeps the connection open. */
  | { readonly kind: "stall" };

export interface SeenRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly isWatch: boolean;
  /** performance.now() when it came in. */
  readonly at: number;
}

interface OpenWatch {
  readonly response: ServerResponse;
  readonly upstream: IncomingMessage;
}

/**
 * A bad network between one client and the API server. Speaks plain HTTP to the client, so that it can read and forge
 * answers; the token is passed on.
 */
export class FaultyProxy {
  /** Every request that reached the proxy, in order. */
  readonly seen: SeenRequest[] = [];
  /** Decides over each request; undefined passes it on. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly #target: { url: string; ca: Buffer };
  readonly #agent: Agent;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<OpenWatch>();
  #stalled = false;

  private constructor(target: { url: string; ca: Buffer }) {
    this.#target = target;
    this.#agent = new Agent({ keepAlive: true, ca: target.ca });
    this.#server = createServer((request, response) => this.#handle(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(target: { url: string; ca: Buffer }): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** For a client that goes through this proxy. */
  credentials(token: string): Credentials {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return tokenCredentials(`http://127.0.0.1:${address.port}`, token);
  }

  /** Requests that change something. */
  get writes(): SeenRequest[] {
    return this.seen.filter(({ method }) => method !== "GET");
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Breaks every connection, as when the API server restarts. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends the open watches with an ERROR event: 410 is what a compacted etcd says. */
  failWatches(code: number, reason: string): void {
    const status = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message: "injected" };
    for (const { response, upstream } of this.#watches) {
      upstream.unpipe(response);
      upstream.destroy();
      response.end(`${JSON.stringify({ type: "ERROR", object: status })}\n`);
    }
  }

  /** Open watches stay open, and nothing comes any more: the other side is gone and nobody said so. */
  halfOpenWatches(): void {
    for (const { response, upstream } of this.#watches) {
      upstream.unpipe(response);
      upstream.destroy();
    }
    this.#watches.clear();
  }

  /** From now on nothing is answered; connections stay open and new ones are accepted. */
  stall(): void {
    this.#stalled = true;
    this.halfOpenWatches();
  }

  /** Ends `stall`. What was asked meanwhile stays unanswered. */
  resume(): void {
    this.#stalled = false;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cutAll();
    this.#agent.destroy();
    await closed;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "/";
    const method = request.method ?? "GET";
    const seen = { method, path, isWatch: /[?&]watch=true/.test(path), at: performance.now() };
    this.seen.push(seen);
    const fault: Fault | undefined = this.#stalled ? { kind: "stall" } : this.fault(seen);
    switch (fault?.kind) {
      case "status":
        this.#refuse(response, fault);
        return;
      case "cut":
        request.socket.destroy();
        return;
      case "stall":
        return;
      case "swallow":
      case undefined:
        this.#forward(request, response, seen, fault?.kind === "swallow");
    }
  }

  #refuse(response: ServerResponse, fault: Extract<Fault, { kind: "status" }>): void {
    const { code, reason, retryAfterSeconds } = fault;
    const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
    response.writeHead(code, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ kind: "Status", apiVersion: "v1", code, reason, message: "injected" }));
  }

  #forward(request: IncomingMessage, response: ServerResponse, seen: SeenRequest, swallow: boolean): void {
    const onError = () => response.socket?.destroy();
    const { host: _, ...headers } = request.headers;
    const forwarded = httpsRequest(
      new URL(seen.path, this.#target.url),
      { method: seen.method, headers, agent: this.#agent },
      (upstream) => {
        if (swallow) {
          upstream.resume();
          response.socket?.destroy();
          return;
        }
        upstream.on("error", onError);
        response.writeHead(upstream.statusCode ?? 502, upstream.headers);
        response.flushHeaders();
        upstream.pipe(response);
        if (!seen.isWatch) return;
        const watch = { response, upstream };
        this.#watches.add(watch);
        response.on("close", () => {
          upstream.destroy();
          this.#watches.delete(watch);
        });
      },
    );
    forwarded.on("error", onError);
    request.pipe(forwarded);
  }
}
