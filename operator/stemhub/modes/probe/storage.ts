import { createHash, createHmac } from "node:crypto";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { SignatureV4 } from "@smithy/signature-v4";
import { type OneResponse, SilenceError, send } from "../../../runtime/one-request.ts";
import type { Asker } from "../watch.ts";
import { BadAccessError, reasonOf } from "./service.ts";

/** What the storage is reached by. */
export interface StorageAccess {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** PEM; absent where the endpoint's certificate is from a public authority. */
  readonly authority: string | undefined;
}

/** A bucket, and the one object in it that is the operator's. */
export interface StorageTarget {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Key of the canary. */
  readonly key: string;
  /**
   * Reads the access; `again`: not from memory, since the last one may be of no use any more. Errors: BadAccessError when a person
   * has to mend it; any other says nothing of the storage.
   */
  readonly access: (again: boolean) => Promise<StorageAccess>;
}

/** What storage answered with, when it was not what was asked for. */
class AnswerError extends Error {}

/**
 * Puts an object where there is none, reads it and deletes it, as the app's uploads and downloads would. After a failed write it
 * is read all the same: NoSuchKey is an answer too, to somebody who may read.
 *
 * Guarantees: at most one object, below `.stemhub/`, is ever there; each request has its own deadline.
 */
export function askStorage(target: StorageTarget): Asker {
  let failed = false;
  return {
    ask: async (timeoutMs, signal) => {
      let access: StorageAccess;
      try {
        access = await target.access(failed);
      } catch (error) {
        if (!(error instanceof BadAccessError)) return undefined;
        failed = true;
        return [
          { question: "storageReads", trouble: error.message },
          { question: "storageWrites", trouble: error.message },
        ];
      }
      const bucket = new Bucket(target, access, timeoutMs, signal);
      try {
        // What failed before is asked both at once: two deadlines after each other would double the time until it is told.
        const put = () => troubleOf(() => bucket.put());
        const get = () => troubleOf(() => bucket.get());
        const [writes, reads] = failed ? await Promise.all([put(), get()]) : [await put(), await get()];
        // One that may be left is found by the next put.
        const deletes = writes.trouble === undefined ? await troubleOf(() => bucket.delete()) : writes;
        failed = [reads, deletes].some(({ trouble }) => trouble !== undefined);
        return [
          { question: "storageReads", ...reads },
          { question: "storageWrites", ...deletes },
        ];
      } finally {
        bucket.close();
      }
    },
    close: () => undefined,
  };
}

async function troubleOf(work: () => Promise<void>): Promise<{ trouble: string | undefined; silent?: boolean }> {
  try {
    await work();
    return { trouble: undefined };
  } catch (error) {
    const text = error instanceof AnswerError ? error.message : reasonOf(error);
    return { trouble: text, silent: error instanceof SilenceError };
  }
}

const canary = "canary";

/** node:crypto for the signer, which would else bring a hash written in JavaScript. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error("a hash is used once");
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === "string") return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** One canary's requests, over connections of its own. */
class Bucket {
  readonly #access: StorageAccess;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #url: URL;
  readonly #agent: HttpAgent;
  readonly #signer: SignatureV4;

  constructor(target: StorageTarget, access: StorageAccess, timeoutMs: number, signal: AbortSignal) {
    const { endpoint, bucket, key, region } = target;
    this.#access = access;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#url = new URL(`/${bucket}/${key}`, endpoint);
    const connection = { keepAlive: true, maxSockets: 2 };
    this.#agent = this.#url.protocol === "https:" ? new HttpsAgent(connection) : new HttpAgent(connection);
    const { accessKeyId, secretAccessKey } = access;
    const credentials = { accessKeyId, secretAccessKey };
    this.#signer = new SignatureV4({ service: "s3", region, credentials, sha256: Sha256, uriEscapePath: false });
  }

  /** One that is there was left by an operator that ended in between: it is removed, and put again. */
  async put(): Promise<void> {
    const put = () => this.#send("PUT", canary, { "if-none-match": "*" });
    const first = await put();
    if (first.status !== 412) return expect(first, "PUT");
    expect(await this.#send("DELETE"), "DELETE");
    expect(await put(), "PUT");
  }

  async get(): Promise<void> {
    const answer = await this.#send("GET");
    if (answer.status === 404 && answer.body.includes("NoSuchKey")) return;
    expect(answer, "GET");
    if (answer.body !== canary) throw new AnswerError("GET returns something else than was put");
  }

  async delete(): Promise<void> {
    expect(await this.#send("DELETE"), "DELETE");
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(method: "GET" | "PUT" | "DELETE", body?: string, headers = {}): Promise<OneResponse> {
    const { protocol, hostname, port, pathname: path, host } = this.#url;
    const { headers: signed } = await this.#signer.sign({
      method,
      protocol,
      hostname,
      ...(port === "" ? {} : { port: Number(port) }),
      path,
      query: {},
      headers: { host, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return await send({
      method,
      url: this.#url,
      headers: signed,
      ...(body === undefined ? {} : { body }),
      ca: this.#access.authority,
      agent: this.#agent,
      timeoutMs: this.#timeoutMs,
      signal: this.#signal,
    });
  }
}

function expect({ status, body }: OneResponse, method: string): void {
  if (status >= 200 && status < 300) return;
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(body)?.[1];
  throw new AnswerError(`${method} answers ${status}${code === undefined ? "" : ` ${code}`}`);
}
