import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { selfSigned } from "../../../e2e/support/self-signed.ts";
import { freePort, TestNginx } from "./nginx.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * A gateway on the loopback interface: nginx with the configuration that the operator makes, but for its ports and the
 * addresses of components, which all lead to one that is here.
 */
export class TestGateway {
  readonly nginx: TestNginx;
  readonly #port: number;
  readonly #health: number;
  readonly #component: Server;

  private constructor(nginx: TestNginx, port: number, health: number, component: Server) {
    this.nginx = nginx;
    this.#port = port;
    this.#health = health;
    this.#component = component;
  }

  /** @param files what else is mounted, by its path below /etc/stemhub. Errors: those of TestNginx.start. */
  static async start(configuration: string, files: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
    const [http, https, health, gone] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const component = testComponent().listen(0, "127.0.0.1");
    await once(component, "listening");
    const address = component.address();
    if (address === null || typeof address === "string") throw new Error("the component has no port");
    const ports = { http, https, health, component: address.port };
    const here = onLoopback(configuration, ports).replaceAll(
      "    location / {",
      `    location /gone { proxy_pass http://127.0.0.1:${gone}; }\n    location / {`,
    );
    const nginx = await TestNginx.prepare({ configuration: here, files, tls: await selfSigned("studio.example") });
    await nginx.start(health);
    return new TestGateway(nginx, https, health, component);
  }

  /** Asks over TLS. Redirects are answers. */
  ask(method: string, path: string, { headers = {}, body }: Asked = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.#port, method, path, headers, rejectUnauthorized: false };
      const sent = httpsRequest({ ...options, agent: false }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (piece) => (text += piece));
        answer.on("error", reject);
        answer.on("end", () => {
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
          sent.destroy();
        });
      });
      sent.on("error", reject);
      // A length that was promised and is not sent: the answer must not wait for it.
      if (headers["Content-Length"] !== undefined) sent.flushHeaders();
      else sent.end(body);
    });
  }

  /** Opens the stream of the mode, and returns what it has said so far each time it is asked. */
  async listen(): Promise<{ readonly said: () => string; readonly close: () => void }> {
    let said = "";
    const options = { host: "127.0.0.1", port: this.#port, path: "/.well-known/stemhub/mode/events", agent: false };
    const sent = httpsRequest({ ...options, rejectUnauthorized: false });
    sent.on("error", () => undefined);
    sent.end();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    answer.on("data", (piece) => {
      said += piece;
    });
    answer.on("error", () => undefined);
    return { said: () => said, close: () => sent.destroy() };
  }

  /** Hands over what the mode-agent would, and returns the status. */
  handOver(given: Readonly<Record<string, string>>): Promise<number> {
    return handOver(this.nginx.sockets, given);
  }

  /** Lines of its log that are no requests, and not about a component that is gone. */
  async complaints(): Promise<string[]> {
    const lines = (await this.nginx.log()).split("\n");
    return lines.filter((line) => line.includes("[") && !/^\{|\[notice\]|Connection refused/.test(line));
  }

  /** nginx's container is killed and started again. */
  crashNginx(): Promise<void> {
    return this.nginx.crash(this.#health);
  }

  async stop(): Promise<void> {
    await this.nginx.stop();
    this.#component.closeAllConnections();
    this.#component.close();
  }
}

/** What the mode-agent does, over the Unix socket in a folder; returns the status. */
export function handOver(sockets: string, given: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: `${sockets}/nginx.sock`, path: "/hand-over", method: "PUT", agent: false };
    const sent = httpRequest(options, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(given));
  });
}

/** Ports of the loopback interface in place of a pod's, and one component in place of all. */
export function onLoopback(
  configuration: string,
  ports: { readonly http: number; readonly https: number; readonly health: number; readonly component: number },
): string {
  return configuration
    .replace("listen 8080", `listen 127.0.0.1:${ports.http}`)
    .replace("listen 8443", `listen 127.0.0.1:${ports.https}`)
    .replace("listen 8081", `listen 127.0.0.1:${ports.health}`)
    .replaceAll(/set \$component "[^"]*"/g, `set $component "127.0.0.1:${ports.component}"`);
}

/**
 * Says what it was asked, as JSON. `/api/answer/STATUS` is answered with that, `…/read-only` with the header that says so
 * beside it; `/api/imitate` with headers that are not its own to say.
 */
function testComponent(): Server {
  return createServer((request, response) => {
    const wanted = /^\/api\/answer\/(\d+)(\/read-only)?/.exec(request.url ?? "");
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      if (wanted?.[2]) response.setHeader("X-StemHub-Error", "read-only");
      if (request.url === "/api/imitate") {
        response.setHeader("X-StemHub-Mode", "Normal");
        response.setHeader("X-StemHub-Fallback", "true");
      }
      const { url, method, headers } = request;
      const words = wanted ? '{"detail":"the component\'s own words"}' : JSON.stringify({ url, method, headers, body });
      response.setHeader("ETag", '"component"');
      response.writeHead(Number(wanted?.[1] ?? 200), { "Content-Type": "application/json" }).end(words);
    });
  });
}
