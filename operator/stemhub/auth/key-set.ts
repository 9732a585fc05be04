import { AnswerRefused } from "./refused.ts";

/** What is kept of a key (RFC 7517): what says how to verify by it. Certificates and notes are left out. */
const keptMembers = ["kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y"] as const;

/** Members that make a key private or a secret (RFC 7518 section 6). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Keys of a set. A service that rotates has two or three; a set of hundreds is a mistake, or an attempt on the gateway. */
const mostKeys = 64;

/**
 * The keys of an answer, as they are kept: those that the gateway can verify by (RSA, and EC on P-256), each without what
 * it needs not.
 *
 * Errors: AnswerRefused when it is no key set, has no such key, or has a private one: who publishes that has to make new keys,
 * and until then nothing that it signs is to be believed.
 */
export function readKeySet(text: string): readonly Record<string, unknown>[] {
  const keys = (parse(text) as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new AnswerRefused("NotAKeySet", 'it has no list "keys"');
  if (keys.length > mostKeys)
    throw new AnswerRefused("TooManyKeys", `it has ${keys.length} keys, more than ${mostKeys}`);
  const read = keys.map(readKey);
  const usable = read.filter((key) => key.kty === "RSA" || (key.kty === "EC" && key.crv === "P-256"));
  if (usable.length === 0) throw new AnswerRefused("NoUsableKey", "it has no key of RSA, or of EC on P-256");
  return usable;
}

function readKey(key: unknown): Record<string, unknown> {
  if (typeof key !== "object" || key === null) throw new AnswerRefused("NotAKeySet", "one of its keys is no object");
  const member = privateMembers.find((name) => Object.hasOwn(key, name));
  if (member !== undefined) {
    throw new AnswerRefused("PrivateKey", `one of its keys has the private member ${member}: make new keys`);
  }
  const members = key as Record<string, unknown>;
  return Object.fromEntries(keptMembers.flatMap((name) => (Object.hasOwn(key, name) ? [[name, members[name]]] : [])));
}

/** Errors: AnswerRefused; never with a part of the text, which could be anything. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AnswerRefused("NotJson", "it is not JSON");
  }
}
