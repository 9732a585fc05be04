import { type Authenticated, readClaims } from "./claims.ts";
import { type Algorithm, chooseKey, type Jwk, signedByKey, signedBySecret } from "./keys.ts";
import type { Refusal } from "./refusal.ts";

/** By what tokens are verified: exactly one of the two, so that a token can never choose (RFC 8725 section 3.1). */
export interface Trust {
  /** RS256 and ES256, by the key that the token names. Read only where a token is not remembered. */
  readonly keys?: () => readonly Jwk[];
  /** HS256. At least 32 bytes (RFC 7518 section 3.2). */
  readonly secret?: Uint8Array<ArrayBuffer>;
}

/** Characters of a token. nginx takes header lines of up to 16 KiB, and a cookie holds 4 KiB by what browsers allow. */
export const maxTokenLength = 8192;

/** Bytes of a secret. */
const leastSecretBytes = 32;

/** Types of tokens that say who asks; any other was made for something else (RFC 8725 section 3.11). */
const acceptedTypes = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/**
 * Reads a token in the compact form (RFC 7515 section 3.1), the only one taken, and verifies its signature.
 *
 * Guarantees: nothing of the token chooses how it is verified but `alg`, among those of `trust`, and `kid`, among its keys.
 * `jwk`, `jku`, `x5u` and `x5c` are never looked at, and nothing is fetched. Time, issuer, audience and revocations are not
 * judged here: what is returned stays true as long as the keys do.
 */
export async function authenticate(token: string, trust: Trust): Promise<Authenticated> {
  if (token.length > maxTokenLength) return { refusal: "TooLong" };
  const parts = token.split(".");
  if (parts.length !== 3) return { refusal: "NotThreeParts" };
  const bytes = parts.map(strictBase64url);
  const headerBytes = bytes[0];
  const payloadBytes = bytes[1];
  const signature = bytes[2];
  if (!headerBytes || !payloadBytes || !signature) return { refusal: "NotBase64url" };
  const header = jsonObject(headerBytes);
  const payload = jsonObject(payloadBytes);
  if (!header || !payload) return { refusal: "NotJson" };

  const algorithm = allowedAlgorithm(header.alg, trust);
  if (!algorithm) return { refusal: "AlgorithmNotAllowed" };
  // No extension is known here, and what is critical and unknown makes a token invalid (RFC 7515 section 4.1.11).
  if (header.crit !== undefined) return { refusal: "CriticalHeader" };
  if (header.typ !== undefined && acceptedTypes.indexOf(String(header.typ).toLowerCase()) < 0) {
    return { refusal: "WrongType" };
  }
  const refusal = await verify(header.kid, algorithm, trust, signature, asciiBytes(`${parts[0]}.${parts[1]}`));
  return refusal === undefined ? readClaims(payload) : { refusal };
}

function allowedAlgorithm(alg: unknown, trust: Trust): Algorithm | undefined {
  if (trust.secret) return alg === "HS256" ? alg : undefined;
  return alg === "RS256" || alg === "ES256" ? alg : undefined;
}

async function verify(
  kid: unknown,
  algorithm: Algorithm,
  trust: Trust,
  signature: Uint8Array<ArrayBuffer>,
  signed: Uint8Array<ArrayBuffer>,
): Promise<Refusal | undefined> {
  if (trust.secret) {
    if (trust.secret.length < leastSecretBytes) return "SecretTooShort";
    return (await signedBySecret(trust.secret, signature, signed)) ? undefined : "BadSignature";
  }
  if (kid !== undefined && typeof kid !== "string") return "UnknownKey";
  const choice = chooseKey(trust.keys ? trust.keys() : [], algorithm, kid);
  if (choice.key === undefined) return choice.refusal;
  try {
    return (await signedByKey(choice.key, algorithm, signature, signed)) ? undefined : "BadSignature";
  } catch (_) {
    // A point that is not on its curve, and the like.
    return "UnfitKey";
  }
}

/**
 * Undefined where the text is not exactly what an encoder writes: padding, other alphabets, and bits after the last byte
 * would let one token be written in several ways.
 */
function strictBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** Undefined where the bytes are not UTF-8 (RFC 8725 section 3.7), or not one JSON object. */
function jsonObject(bytes: Uint8Array<ArrayBuffer>): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch (_) {
    return undefined;
  }
}

function asciiBytes(text: string): Uint8Array<ArrayBuffer> {
  return Buffer.from(text);
}
