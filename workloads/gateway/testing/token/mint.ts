import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Jwk } from "../../njs/token/keys.ts";
import type { Case } from "./case.ts";

/** The moment of every case, in seconds since 1970. */
export const now = 1_800_000_000;

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const weakRsa = generateKeyPairSync("rsa", { modulusLength: 1024 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const widerEc = generateKeyPairSync("ec", { namedCurve: "P-384" });
const ed = generateKeyPairSync("ed25519");

/** Key pairs, by what they are in the cases. */
export const pairs = { rsa, otherRsa, weakRsa, ec, widerEc, ed };

/** A public key as a key set holds it. */
export function jwkOf(pair: { readonly publicKey: KeyObject }, more: object): Jwk {
  return { ...pair.publicKey.export({ format: "jwk" }), ...more };
}

/** The key set of the cases: one key of each kind, and those that must never be taken. */
export const keySet: readonly Jwk[] = [
  jwkOf(rsa, { kid: "rsa", alg: "RS256", use: "sig" }),
  jwkOf(ec, { kid: "ec", use: "sig" }),
  jwkOf(weakRsa, { kid: "weak" }),
  jwkOf(widerEc, { kid: "wider" }),
  jwkOf(ed, { kid: "ed" }),
  jwkOf(otherRsa, { kid: "for-encryption", use: "enc" }),
  jwkOf(otherRsa, { kid: "for-signing", key_ops: ["sign"] }),
  jwkOf(otherRsa, { kid: "for-ps256", alg: "PS256" }),
  { kty: "oct", kid: "oct", k: Buffer.from("a secret that should not be in a key set").toString("base64url") } as Jwk,
  { kty: "EC", crv: "P-256", kid: "off-curve", x: base64url(Buffer.alloc(32, 1)), y: base64url(Buffer.alloc(32, 1)) },
];

/** The secret of the cases with HS256. */
export const secret = Buffer.from("0123456789abcdef0123456789abcdef");

/** The claims of a good token, a minute old and good for ten. */
export const claims = {
  iss: "https://studio.example",
  aud: "studio",
  sub: "ada",
  iat: now - 60,
  exp: now + 600,
  jti: "t-1",
};

/** How a token is to be made. */
export interface Recipe {
  readonly header?: object;
  readonly payload?: object;
  /** Text of the payload, where JSON.stringify would not write it. */
  readonly payloadText?: string | Buffer;
  readonly by?: Signer;
}

type Signer = (signed: string) => Buffer;

/** Signers, by what they stand for in the cases. */
export const signers = {
  rsa: (signed: string) => sign("sha256", Buffer.from(signed), rsa.privateKey),
  otherRsa: (signed: string) => sign("sha256", Buffer.from(signed), otherRsa.privateKey),
  weakRsa: (signed: string) => sign("sha256", Buffer.from(signed), weakRsa.privateKey),
  ec: (signed: string) => sign("sha256", Buffer.from(signed), { key: ec.privateKey, dsaEncoding: "ieee-p1363" }),
  ecAsDer: (signed: string) => sign("sha256", Buffer.from(signed), { key: ec.privateKey, dsaEncoding: "der" }),
  widerEc: (signed: string) =>
    sign("sha256", Buffer.from(signed), { key: widerEc.privateKey, dsaEncoding: "ieee-p1363" }),
  ed: (signed: string) => sign(null, Buffer.from(signed), ed.privateKey),
  hmac: (key: Buffer | string) => (signed: string) => createHmac("sha256", key).update(signed).digest(),
  bytes: (bytes: Buffer) => () => bytes,
} as const;

/** A token; by default a good one of RS256. */
export function mint({ header, payload, payloadText, by = signers.rsa }: Recipe = {}): string {
  const head = base64url(Buffer.from(JSON.stringify(header ?? { alg: "RS256", kid: "rsa", typ: "JWT" })));
  const body = base64url(Buffer.from(payloadText ?? JSON.stringify(payload ?? claims)));
  return `${head}.${body}.${base64url(by(`${head}.${body}`))}`;
}

/** A case in which a token is the bearer's. */
export function aCase(given: string, then: string, token: string, more: Partial<Case> = {}): Case {
  return {
    given,
    then,
    authorization: `Bearer ${token}`,
    isRead: true,
    authDown: false,
    policy,
    keys: keySet,
    fetched: now - 60,
    revoked: { tokens: [], subjects: {} },
    now,
    ...more,
  };
}

/** What spec.auth says in the cases. */
export const policy: Case["policy"] = {
  issuer: "https://studio.example",
  audience: "studio",
  cookie: "session",
  clockSkewSeconds: 30,
  expiredGraceSeconds: 600,
  maxKeyAgeHours: 12,
};

/** The same without a key set: tokens are verified by a secret. */
export const bySecret = { secret: secret.toString("base64") } as const;

/** The parts of a case that make it one of HS256. */
export function withSecret(given: string, then: string, token: string, more: Partial<Case> = {}): Case {
  const { keys: _, fetched: __, ...rest } = aCase(given, then, token, { ...bySecret, ...more });
  return rest;
}

export function base64url(bytes: Buffer): string {
  return bytes.toString("base64url");
}
