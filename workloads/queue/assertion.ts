import { createPrivateKey, type KeyObject, randomUUID, sign } from "node:crypto";
import { assertionJwk } from "../../operator/api/assertion-keys.ts";
import type { Write } from "./write.ts";

/** How long an assertion holds: the app verifies it when the request arrives, clocks apart by some seconds. */
export const assertionSeconds = 60;

/** What signs assertions. */
export interface SigningKey {
  readonly key: KeyObject;
  readonly kid: string;
}

/** Reads signing-key.pem. Errors: those of node:crypto, or TypeError when it is no Ed25519 key. */
export function readSigningKey(pem: string): SigningKey {
  const key = createPrivateKey(pem);
  return { key, kid: assertionJwk(key).kid };
}

/**
 * What a replayed write carries instead of its author's token: a JWT (RFC 7519, EdDSA of RFC 8037) that says for whom, to
 * whom, with which key and which body the queue sends it. It is worth nothing for any other request.
 */
export function assertion(write: Write, { key, kid }: SigningKey, now: number): string {
  const iat = Math.floor(now / 1_000);
  const payload = {
    iss: "stemhub-queue",
    aud: write.component,
    sub: write.claims.sub,
    user_iss: write.claims.iss,
    key: write.key,
    bsh: write.bodyHash,
    htm: write.method,
    htu: write.uri,
    iat,
    exp: iat + assertionSeconds,
    jti: randomUUID(),
  };
  const text = [{ alg: "EdDSA", typ: "JWT", kid }, payload].map(encode).join(".");
  return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
