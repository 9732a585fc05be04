import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { z } from "zod";

const algorithm = "aes-256-gcm";
const keyBytes = 32;
/** NIST SP 800-38D: with random IVs of 96 bits one key is good for 2^32 messages. */
const ivBytes = 12;
const tagBytes = 16;

const keyFileSchema = z.object({
  current: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/),
  keys: z.record(z.string(), z.base64()),
});

/** The keys that data at rest is sealed with. */
export interface KeyRing {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

/** No key opens it: it was sealed with one that is gone, or it is not what was sealed. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";
}

/** Reads keys.json. Errors: a sentence that never holds a key. */
export function readKeyRing(text: string): KeyRing {
  const parsed = keyFileSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new Error('keys.json is not {"current": ID, "keys": {ID: base64}}');
  const { current, keys } = parsed.data;
  const ring = new Map(Object.entries(keys).map(([id, key]) => [id, Buffer.from(key, "base64")]));
  for (const [id, key] of ring) if (key.length !== keyBytes) throw new Error(`key ${id} of keys.json is not 32 bytes`);
  if (!ring.has(current)) throw new Error(`keys.json has no key ${current}, which it calls the current one`);
  return { current, keys: ring };
}

/**
 * Seals data with the current key. Layout: length of the key's id (1 byte), id, IV, tag, ciphertext.
 *
 * @param context what the data is and belongs to: opening it in another place fails.
 */
export function seal(ring: KeyRing, data: Uint8Array, context: string): Buffer {
  const key = ring.keys.get(ring.current);
  if (!key) throw new Error(`there is no key ${ring.current}`);
  const id = Buffer.from(ring.current);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv);
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(data), cipher.final()]);
  return Buffer.concat([Buffer.from([id.length]), id, iv, cipher.getAuthTag(), sealed]);
}

/** @throws UnreadableError when no key opens it, or it was sealed for another context. */
export function open(ring: KeyRing, sealed: Uint8Array, context: string): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const ivAt = 1 + (bytes[0] ?? 0);
  const id = bytes.subarray(1, ivAt).toString();
  const key = ring.keys.get(id);
  if (!key) throw new UnreadableError("sealed with a key that the Secret does not hold");
  try {
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(ivAt, ivAt + ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(ivAt + ivBytes, ivAt + ivBytes + tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(ivAt + ivBytes + tagBytes)), decipher.final()]);
  } catch (cause) {
    throw new UnreadableError("not what was sealed, or not for this place", { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
