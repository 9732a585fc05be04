import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

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

  /** A token of an hour, of the issuer `tests`. */
  token({ sub = "ada", exp = Math.floor(Date.now() / 1_000) + 3_600 }: Claims = {}): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "RS256", kid: this.#kid, typ: "JWT" })}.${part({ iss: "tests", sub, exp })}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), this.#key).toString("base64url")}`;
  }
}
