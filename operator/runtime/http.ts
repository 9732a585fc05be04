import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Clock } from "./clock.ts";
import type { Credentials, CurrentCredentials } from "./credentials.ts";
import { TransientError } from "./errors.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path with query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** From the call to the last byte of the answer (of a stream: to its headers). */
  readonly timeoutMs: number;
  readonly signals: readonly AbortSignal[];
  /** Called synchronously before a request leaves; throws when none may. */
  readonly gate: () => void;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An answer larger than that is an error: it would be a mistake of ours (a list without a page size). */
const maxBodyBytes = 64 * 1024 * 1024;

/** A kept-alive connection is closed by us before the API server (90 s) or a load balancer (often 60 s) does it. */
const idleSocketMs = 30_000;

/** First TCP keep-alive probe; the kernel then probes each second, ten times: a dead peer is noticed after 25 s. */
const tcpKeepAliveMs = 15_000;

/**
 * HTTP/1.1 to one server, with keep-alive, deadlines and abort. Knows nothing of Kubernetes.
 *
 * node:https rather than undici: 10 MB of resident memory against 31 MB, and each watch needs a connection of its own.
 */
export class HttpClient {
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  readonly #userAgent: string;
  #agent: HttpAgent | undefined;
  #agentId: string | undefined;

  constructor(credentials: Credentials, clock: Clock, userAgent: string) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#userAgent = userAgent;
  }

  get host(): string {
    return this.#credentials.server.host;
  }

  /** One request with its whole answer. Errors: TransientError, or the reason of the signal that was aborted. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const exchange = new Exchange(request, this.#clock);
    try {
      const response = await this.#begin(request, exchange);
      return { status: response.statusCode ?? 0, headers: response.headers, body: await readAll(response) };
    } catch (error) {
      throw exchange.explain(error);
    } finally {
      exchange.end();
    }
  }

  /**
   * One request whose answer is read as it comes, in chunks. Ends when the server ends it; throws TransientError when
   * the connection breaks or nothing was read for `idleMs`. Whoever stops early closes the connection.
   */
  async stream(
    request: HttpRequest,
    idleMs: number,
  ): Promise<{ response: IncomingMessage; chunks: AsyncIterable<Buffer> }> {
    const exchange = new Exchange(request, this.#clock);
    try {
      const response = await this.#begin(request, exchange);
      exchange.deadline(idleMs, `nothing was read for ${idleMs} ms`);
      return { response, chunks: readChunks(response, exchange, idleMs) };
    } catch (error) {
      exchange.end();
      throw exchange.explain(error);
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent?.destroy();
  }

  async #begin(request: HttpRequest, exchange: Exchange): Promise<IncomingMessage> {
    const credentials = await exchange.race(this.#credentials.current());
    try {
      return await this.#once(request, exchange, credentials);
    } catch (error) {
      // The server closed a kept-alive connection while the request was on its way: it was not worked on. A POST is
      // not repeated, since "not worked on" is likely, not certain.
      if (!exchange.staleConnection(error) || request.method === "POST") throw error;
      return await this.#once(request, exchange, credentials);
    }
  }

  #once(request: HttpRequest, exchange: Exchange, credentials: CurrentCredentials): Promise<IncomingMessage> {
    const server = this.#credentials.server;
    const headers: Record<string, string | number> = {
      ...credentials.headers,
      accept: "application/json",
      "user-agent": this.#userAgent,
    };
    if (request.body !== undefined) {
      headers["content-type"] = request.contentType ?? "application/json";
      headers["content-length"] = Buffer.byteLength(request.body);
    }
    const options = {
      method: request.method,
      hostname: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port || (server.protocol === "https:" ? 443 : 80),
      path: `${server.pathname.replace(/\/$/, "")}${request.path}`,
      headers,
      agent: credentials.agent ?? this.#agentFor(credentials),
    };
    return new Promise((resolve, reject) => {
      request.gate();
      const sent = server.protocol === "https:" ? httpsRequest(options) : httpRequest(options);
      exchange.started(sent);
      sent.on("socket", (socket) => socket.setKeepAlive(true, tcpKeepAliveMs));
      sent.on("response", resolve);
      sent.on("error", reject);
      sent.end(request.body);
    });
  }

  #agentFor(credentials: CurrentCredentials): HttpAgent {
    const { id, ...tls } = credentials.tls;
    if (this.#agent && this.#agentId === id) return this.#agent;
    this.#agent?.destroy();
    const pool = { keepAlive: true, maxFreeSockets: 8, timeout: idleSocketMs };
    this.#agent =
      this.#credentials.server.protocol === "https:" ? new HttpsAgent({ ...pool, ...tls }) : new HttpAgent(pool);
    this.#agentId = id;
    return this.#agent;
  }
}

/** One request's way through the world: its deadline, the signals that may end it, and why it ended. */
class Exchange {
  readonly #clock: Clock;
  readonly #signals: readonly AbortSignal[];
  readonly #onAbort: () => void;
  readonly #what: string;
  #timer: { clear(): void } | undefined;
  #sent: ClientRequest | undefined;
  #end: ((why: unknown) => void) | undefined;
  #why: unknown;

  constructor(request: HttpRequest, clock: Clock) {
    this.#clock = clock;
    this.#signals = request.signals;
    this.#what = `${request.method} ${request.path.split("?", 1)[0]}`;
    this.#onAbort = () => this.#stop(this.#signals.find((signal) => signal.aborted)?.reason);
    for (const signal of this.#signals) signal.addEventListener("abort", this.#onAbort);
    this.deadline(request.timeoutMs, `no answer within ${request.timeoutMs} ms`);
  }

  /** Sets the one deadline anew. A connection that missed it is destroyed: nobody knows what will still come over it. */
  deadline(ms: number, why: string): void {
    this.#timer?.clear();
    this.#timer = this.#clock.setTimer(ms, () => this.#stop(new TransientError(`${this.#what}: ${why}`)));
  }

  started(sent: ClientRequest): void {
    this.#sent = sent;
    if (this.#why !== undefined) sent.destroy(asError(this.#why));
  }

  /** The promise, or the reason why this exchange was ended meanwhile. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#why !== undefined) reject(this.#why);
      this.#end = reject;
      promise.then(resolve, reject);
    });
  }

  /** Whether the request met a kept-alive connection that the server had closed, before any answer. */
  staleConnection(error: unknown): boolean {
    const code = codeOf(error);
    return this.#why === undefined && this.#sent?.reusedSocket === true && (code === "ECONNRESET" || code === "EPIPE");
  }

  /** What to throw: why we ended it, else what the network said. */
  explain(error: unknown): unknown {
    if (this.#why !== undefined) return this.#why;
    if (error instanceof TransientError || codeOf(error) === undefined) return error;
    return new TransientError(`${this.#what}: ${codeOf(error)}`, { cause: error });
  }

  end(): void {
    this.#timer?.clear();
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#onAbort);
  }

  #stop(why: unknown): void {
    this.#why ??= why ?? new TransientError(`${this.#what}: aborted`);
    this.#end?.(this.#why);
    this.#sent?.destroy(asError(this.#why));
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new TransientError(`the answer is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function* readChunks(response: IncomingMessage, exchange: Exchange, idleMs: number): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      exchange.deadline(idleMs, `nothing was read for ${idleMs} ms`);
      yield chunk;
    }
  } catch (error) {
    throw exchange.explain(error);
  } finally {
    exchange.end();
    response.destroy();
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

function asError(why: unknown): Error {
  return why instanceof Error ? why : new Error(String(why));
}
