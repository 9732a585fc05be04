import { createHash, createPublicKey, type KeyObject } from "node:crypto";

/** A public Ed25519 key as a key set has it (RFC 8037), with its thumbprint (RFC 7638) as its id. */
export interface AssertionJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

/**
 * The public half of the key with which the write queue signs: what the operator publishes for apps, and how the queue
 * names the key. Errors: TypeError when it is no Ed25519 key.
 */
export function assertionJwk(key: KeyObject): AssertionJwk {
  const { kty, crv, x } = createPublicKey(key).export({ format: "jwk" });
  if (kty !== "OKP" || crv !== "Ed25519" || x === undefined) throw new TypeError("the signing key is not Ed25519");
  const kid = createHash("sha256").update(JSON.stringify({ crv, kty, x })).digest("base64url");
  return { kty, crv, x, kid, alg: "EdDSA", use: "sig" };
}
