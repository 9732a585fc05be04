import { checkServerIdentity } from "node:tls";
import { Agent, request as httpRequest } from "undici";
import type { Kubectl } from "./kubectl.ts";

/** An answer, read to its end. */
export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  /** The same as text. */
  readonly body: string;
  /** The body as JSON. Errors: SyntaxError with the body in it when it is none. */
  json<T = Record<string, unknown>>(): T;
}

/** What a request may carry. */
export interface GatewayRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | Buffer;
  readonly signal?: AbortSignal;
}

/** How long an answer may take unless a signal says otherwise. */
const answerDeadlineMs = 15_000;

/** Where its pods listen for https: what is behind port 443 of their Service. */
const podPort = 8443;

/**
 * A browser in miniature before one gateway: HTTPS with the certificate verified, cookies kept. It reaches the gateway
 * by a forwarded port, so it works with every provider; what is behind the gateway is reached as in the field.
 */
export class GatewayClient {
  readonly #origin: string;
  readonly #agent: Agent;
  readonly #close: () => void;
  readonly #cookies = new Map<string, string>();

  private constructor(origin: string, agent: Agent, close: () => void) {
    this.#origin = origin;
    this.#agent = agent;
    this.#close = close;
  }

  /**
   * @param options.ca PEM that the gateway's certificate is verified with; default: the StemHub's own, from ConfigMap NAME-ca
   * @param options.pod one of its pods by name, instead of any of them
   */
  static async open(
    kubectl: Kubectl,
    stemhub: string,
    options: { ca?: string; host?: string; pod?: string } = {},
  ): Promise<GatewayClient> {
    const ca = options.ca ?? (await authorityOf(kubectl, stemhub));
    const forward = options.pod
      ? await kubectl.portForward(`pod/${options.pod}`, podPort)
      : await kubectl.portForward(`service/${stemhub}-gateway`, 443);
    const servername = options.host ?? `${stemhub}-gateway.${kubectl.namespace}.svc`;
    const agent = new Agent({
      connect: {
        ca,
        servername,
        // A request with another Host header would else be verified, and refused here, as that host.
        checkServerIdentity: (_, certificate) => checkServerIdentity(servername, certificate),
      },
      pipelining: 1,
    });
    const close = () => {
      forward.close();
      agent.destroy();
    };
    return new GatewayClient(`https://127.0.0.1:${forward.port}`, agent, close);
  }

  async request(path: string, options: GatewayRequest = {}): Promise<GatewayAnswer> {
    const json = options.body !== undefined && typeof options.body === "object" && !Buffer.isBuffer(options.body);
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await httpRequest(`${this.#origin}${path}`, {
      method: options.method ?? "GET",
      dispatcher: this.#agent,
      headers: {
        ...(json ? { "content-type": "application/json" } : {}),
        ...(cookie === "" ? {} : { cookie }),
        ...options.headers,
      },
      body: options.body === undefined ? null : json ? JSON.stringify(options.body) : (options.body as string | Buffer),
      signal: options.signal ?? AbortSignal.timeout(answerDeadlineMs),
    });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined) this.#cookies.set(name, value ?? "");
    }
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const body = bytes.toString("utf8");
    return {
      status: answer.statusCode,
      headers: answer.headers,
      bytes,
      body,
      json: <T>() => {
        try {
          return JSON.parse(body) as T;
        } catch (error) {
          throw new SyntaxError(`${path} answered ${answer.statusCode}, and no JSON: ${body.slice(0, 300)}`, {
            cause: error,
          });
        }
      },
    };
  }

  /** A request that must succeed. Errors: Error with status and body when it does not. */
  async expect(status: number, path: string, options: GatewayRequest = {}): Promise<GatewayAnswer> {
    const answer = await this.request(path, options);
    if (answer.status !== status) {
      throw new Error(
        `${options.method ?? "GET"} ${path} answered ${answer.status}, not ${status}: ${answer.body.slice(0, 500)}`,
      );
    }
    return answer;
  }

  /** Server-sent events of a path, until `signal`: the data of each, as JSON. Errors: where it answers otherwise than 200. */
  async *events<T>(path: string, signal: AbortSignal): AsyncGenerator<{ readonly id: string; readonly data: T }> {
    const headers = { accept: "text/event-stream" };
    const answer = await httpRequest(`${this.#origin}${path}`, { dispatcher: this.#agent, headers, signal });
    if (answer.statusCode !== 200) throw new Error(`GET ${path} answered ${answer.statusCode}`);
    let text = "";
    for await (const chunk of answer.body) {
      text += chunk;
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(event)?.[1];
        const data = field("data");
        if (data !== undefined) yield { id: field("id") ?? "", data: JSON.parse(data) as T };
      }
    }
  }

  close(): void {
    this.#close();
  }
}

/** The certificate by which everything of a StemHub can be verified. */
export async function authorityOf(kubectl: Kubectl, stemhub: string): Promise<string> {
  const data = (await kubectl.get(`configmap/${stemhub}-ca`)).data as Record<string, string> | undefined;
  const ca = data?.["ca.crt"];
  if (!ca) throw new Error(`ConfigMap ${stemhub}-ca in namespace ${kubectl.namespace} has no ca.crt`);
  return ca;
}
