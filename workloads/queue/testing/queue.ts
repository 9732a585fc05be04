import { generateKeyPairSync, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseMode } from "../../../operator/api/mode-document.ts";
import type { QueueConfiguration } from "../../../operator/api/queue-configuration.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { type Log, silentLog } from "../../../operator/runtime/log.ts";
import { readSigningKey, type SigningKey } from "../assertion.ts";
import type { Taken } from "../door.ts";
import { ModeView } from "../mode.ts";
import { type Queue, startQueue } from "../queue.ts";
import type { KeyRing } from "../sealing.ts";
import type { TestApp } from "./app.ts";
import type { NatsServers } from "./nats.ts";

/** One tenth of the times that the queue runs with, so that a takeover takes a second. */
export const quickLock = { renewMs: 200, holdMs: 600, takeMs: 900 };

let epoch = 0;

/** A mode document in which the database has a mode. */
export function modeData(database: DatabaseMode, revocations?: object): Record<string, string> {
  epoch += 1;
  const since = new Date(0).toISOString();
  const well = { mode: "Normal", reason: "Healthy", message: "", since, epoch };
  const capabilities = {
    database: { ...well, mode: database },
    storage: well,
    collaboration: well,
    dawParsing: well,
    auth: well,
  };
  const document = { stemhub: "studio", epoch, mode: "Normal", since, message: "", capabilities };
  return {
    "mode.json": JSON.stringify(document),
    ...(revocations ? { "revocations.json": JSON.stringify(revocations) } : {}),
  };
}

/** A key ring with one key. */
export function aKeyRing(id = "k1"): KeyRing {
  return { current: id, keys: new Map([[id, randomBytes(32)]]) };
}

/** A signing key, as the operator generates it. */
export function aSigningKey(): SigningKey & { readonly pem: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  return { ...readSigningKey(pem), pem };
}

/** What the operator would tell the queue of the studio: one route with keys, one without. */
export function aConfiguration(app: Pick<TestApp, "base">, nats: NatsServers, limits: object = {}): QueueConfiguration {
  return {
    stemhub: "studio",
    namespace: "music",
    clients: { gateway: "studio-gateway", operator: "studio-operator" },
    components: { api: app.base },
    routes: [
      { path: "/api/projects", component: "api", idempotency: "key" },
      { path: "/api/comments", component: "api", idempotency: "none" },
    ],
    limits: { bodyBytes: 65_536, count: 100_000, ageMs: 86_400_000, storeBytes: 400_000_000, ...limits },
    nats: { servers: nats.urls, replicas: nats.names.length === 3 ? 3 : 1, maxBytes: 500_000_000 },
  };
}

/** One process's part of the queue, in this process: it is stopped, or abandoned as by a crash. */
export class TestQueue {
  readonly mode = new ModeView();
  readonly queue: Queue;
  readonly #stop: AbortController;
  readonly #close: () => Promise<void>;

  private constructor(queue: Queue, mode: ModeView, stop: AbortController, close: () => Promise<void>) {
    this.queue = queue;
    this.mode = mode;
    this.#stop = stop;
    this.#close = close;
  }

  static async start(options: {
    readonly nats: NatsServers;
    readonly configuration: QueueConfiguration;
    readonly keys: () => KeyRing;
    readonly signingKey?: SigningKey;
    readonly database?: DatabaseMode;
    readonly worker?: string;
    readonly log?: Log;
  }): Promise<TestQueue> {
    const {
      nats,
      configuration,
      keys,
      signingKey = aSigningKey(),
      database,
      worker = "queue-0",
      log = silentLog,
    } = options;
    const connection = await nats.connect();
    const mode = new ModeView();
    if (database) mode.take(modeData(database));
    const stop = new AbortController();
    const deps = {
      configuration,
      connection,
      keys,
      signingKey,
      mode,
      clock: systemClock,
      log,
      worker,
      lockTiming: quickLock,
    };
    const queue = await eventually("the store can be opened", () => startQueue(deps, stop.signal));
    return new TestQueue(queue, mode, stop, () => connection.close());
  }

  set database(mode: DatabaseMode) {
    this.mode.take(modeData(mode));
  }

  /** Queues a write as the gateway does. */
  async write(key: string, more: Partial<Arrival> = {}): Promise<Taken> {
    const { uri = "/api/projects/7", aggregate = uri, body = `{"key":"${key}"}`, sub = "ada", method = "PATCH" } = more;
    const claims = { iss: "https://studio.example", sub, iat: 1_700_000_000, jti: more.jti ?? `token of ${sub}` };
    return await this.queue.door.take(
      {
        "idempotency-key": key,
        "x-stemhub-method": method,
        "x-stemhub-uri": uri,
        "x-stemhub-aggregate": aggregate,
        "x-stemhub-component": "api",
        "x-stemhub-claims": Buffer.from(JSON.stringify(claims)).toString("base64url"),
        "x-request-id": `request of ${key}`,
        "content-type": "application/json",
      },
      Buffer.from(body),
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.queue.ended;
    await this.#close();
  }

  /** As if the process was killed: its connection goes first, so nothing that it still wants to say is heard. */
  async crash(): Promise<void> {
    await this.#close();
    this.#stop.abort();
    await this.queue.ended.catch(() => undefined);
  }
}

/** What the gateway says of a write. */
export interface Arrival {
  readonly uri: string;
  readonly aggregate: string;
  readonly body: string;
  readonly sub: string;
  readonly method: string;
  readonly jti: string;
}

/** Asks until the answer is neither undefined nor false, nor an error. Errors: the last one, or a sentence, after the deadline. */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  deadlineMs = 30_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  let trouble: unknown;
  while (performance.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      trouble = undefined;
    } catch (error) {
      trouble = error;
    }
    await sleep(50);
  }
  throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: trouble });
}
