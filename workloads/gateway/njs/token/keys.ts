/** Algorithms by which a token may be signed: those that njs' WebCrypto can verify of what sign-in services use. It has no EdDSA. */
export type Algorithm = "RS256" | "ES256" | "HS256";

/** A public key (RFC 7517), as far as it is looked at. */
export interface Jwk {
  readonly kty?: unknown;
  readonly kid?: unknown;
  readonly alg?: unknown;
  readonly use?: unknown;
  readonly key_ops?: unknown;
  readonly n?: unknown;
  readonly e?: unknown;
  readonly crv?: unknown;
  readonly x?: unknown;
  readonly y?: unknown;
}

/** Bytes that a modulus must have: RFC 7518 section 3.3 asks for 2048 bits. */
const leastModulusBytes = 256;

/** The key by which a token must be verified, or why there is none. */
export interface Choice {
  readonly key?: Jwk;
  readonly refusal?: "UnknownKey" | "UnfitKey" | "AmbiguousKey";
}

/**
 * The one key of a set for a token's `kid` and `alg`. A key fits only if its type, curve, size, use, operations and
 * algorithm all say so: a key never verifies what it was not made for (RFC 8725 section 3.1). Without a `kid` there must be
 * one key alone that fits.
 */
export function chooseKey(keys: readonly Jwk[], algorithm: Algorithm, kid: string | undefined): Choice {
  const named = keys.filter((key) => kid === undefined || key.kid === kid);
  if (named.length === 0) return { refusal: "UnknownKey" };
  const fitting = named.filter((key) => fits(key, algorithm));
  if (fitting.length > 1) return { refusal: "AmbiguousKey" };
  const key = fitting[0];
  return key === undefined ? { refusal: "UnfitKey" } : { key };
}

function fits(key: Jwk, algorithm: Algorithm): boolean {
  if (key.use !== undefined && key.use !== "sig") return false;
  if (key.alg !== undefined && key.alg !== algorithm) return false;
  if (key.key_ops !== undefined && !(Array.isArray(key.key_ops) && key.key_ops.indexOf("verify") >= 0)) return false;
  switch (algorithm) {
    case "RS256":
      return key.kty === "RSA" && sizeOf(key.n) >= leastModulusBytes && sizeOf(key.e) > 0;
    case "ES256":
      return key.kty === "EC" && key.crv === "P-256" && sizeOf(key.x) === 32 && sizeOf(key.y) === 32;
    case "HS256":
      // A secret is no part of a key set: who may read the set could mint tokens.
      return false;
  }
}

function sizeOf(value: unknown): number {
  return typeof value === "string" ? Buffer.from(value, "base64url").length : 0;
}

/** Whether a signature is of that key. Errors: WebCrypto's, where the key's numbers are no key. */
export async function signedByKey(
  key: Jwk,
  algorithm: Algorithm,
  signature: Uint8Array<ArrayBuffer>,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const hash = "SHA-256";
  if (algorithm === "RS256") {
    const rsa = { name: "RSASSA-PKCS1-v1_5", hash } as const;
    // Its numbers alone: what else a key says has been judged, and must not be judged by another rule here.
    const jwk = { kty: "RSA", n: String(key.n), e: String(key.e) } as const;
    const imported = await crypto.subtle.importKey("jwk", jwk, rsa, false, ["verify"]);
    return crypto.subtle.verify(rsa, imported, signature, signed);
  }
  // R and S, 32 bytes each (RFC 7518 section 3.4): a DER form of the same signature would be a second token.
  if (signature.length !== 64) return false;
  const jwk = { kty: "EC", crv: "P-256", x: String(key.x), y: String(key.y) } as const;
  const imported = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash }, imported, signature, signed);
}

/** Whether a signature is of that secret. WebCrypto compares in constant time. */
export async function signedBySecret(
  secret: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const hmac = { name: "HMAC", hash: "SHA-256" } as const;
  const key = await crypto.subtle.importKey("raw", secret, hmac, false, ["verify"]);
  return crypto.subtle.verify("HMAC", key, signature, signed);
}
