import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** Claims that a token has unless others are given; times as seconds since 1970. */
export interface Claims {
  readonly sub?: string;
  readonly exp?: number;
}

/** A sign-in service's keys: a pair of RS256, with its public part as a key set. */
export class SigningKey {
  readonly #key: KeyObject;
  readonly #kid: string;
  /** RFC 7517. */
  readonly jwks: string;

  constructor(kid: string) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.#key = privateKey;
    this.#kid = kid;
    this.jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" }] });
  }

  token(claims: Claims = {}): string {
    return tokenOf({ alg: "RS256", kid: this.#kid }, claims, (text) => sign("sha256", Buffer.from(text), this.#key));
  }
}

/** A token of HS256. */
export function secretToken(secret: string, claims: Claims = {}): string {
  return tokenOf({ alg: "HS256" }, claims, (text) => createHmac("sha256", secret).update(text).digest());
}

/** The request header of who is signed in by a token; none without one. */
export function signedIn(token: string | undefined): { readonly headers: Readonly<Record<string, string>> } {
  return { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } };
}

/** Of an hour, and of the issuer `tests`. */
function tokenOf(header: object, claims: Claims, signatureOf: (text: string) => Buffer): string {
  const { sub = "ada", exp = Math.floor(Date.now() / 1_000) + 3_600 } = claims;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ ...header, typ: "JWT" })}.${part({ iss: "tests", sub, exp })}`;
  return `${signed}.${signatureOf(signed).toString("base64url")}`;
}
