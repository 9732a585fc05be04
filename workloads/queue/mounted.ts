import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type QueueConfiguration,
  queueConfigurationSchema,
  queueFiles,
} from "../../operator/api/queue-configuration.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Log } from "../../operator/runtime/log.ts";
import { readSigningKey, type SigningKey } from "./assertion.ts";
import { type KeyRing, readKeyRing } from "./sealing.ts";
import type { ServerTls } from "./server.ts";

/** kubelet writes a changed Secret within 90 s; looking twice a minute adds little to that. */
const lookEveryMs = 30_000;

/** What is mounted into the queue's pod, below one directory: queue/, keys/, tls/ and nats/. */
export class Mounted {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async configuration(): Promise<QueueConfiguration> {
    return queueConfigurationSchema.parse(JSON.parse(await this.#read("queue", queueFiles.configuration)));
  }

  async keyRing(): Promise<KeyRing> {
    return readKeyRing(await this.#read("keys", queueFiles.dataKeys));
  }

  async signingKey(): Promise<SigningKey> {
    return readSigningKey(await this.#read("keys", queueFiles.signingKey));
  }

  async tls(): Promise<ServerTls> {
    const [cert, key, ca] = await Promise.all(["tls.crt", "tls.key", "ca.crt"].map((name) => this.#read("tls", name)));
    return { cert: cert ?? "", key: key ?? "", ca: ca ?? "" };
  }

  /** How NATS lets the queue in, and the authority that its certificate must be from. */
  async nats(): Promise<{ readonly user: string; readonly pass: string; readonly ca: string }> {
    const [user, pass, { ca }] = await Promise.all([
      this.#read("nats", "username"),
      this.#read("nats", "password"),
      this.tls(),
    ]);
    return { user: user.trim(), pass: pass.trim(), ca };
  }

  #read(folder: string, name: string): Promise<string> {
    return readFile(join(this.#directory, folder, name), "utf8");
  }
}

/**
 * Calls `taken` whenever what `read` gives has become another, until the signal. What cannot be read or used changes
 * nothing: the log says so, and what was there stays in use.
 */
export async function whenChanged<T>(
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
  what: string,
  read: () => Promise<T>,
  taken: (value: T) => void,
): Promise<void> {
  let seen = fingerprint(await read());
  while (!signal.aborted) {
    await clock.sleep(lookEveryMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const value = await read();
      if (fingerprint(value) === seen) continue;
      taken(value);
      seen = fingerprint(value);
      log.info({ what }, "what is mounted has changed, and is in use");
    } catch (error) {
      log.error({ what, reason: String(error) }, "what is mounted has changed, and cannot be used");
    }
  }
}

function fingerprint(value: unknown): string {
  return JSON.stringify(value, (_, each) => (each instanceof Map ? [...each] : each));
}
