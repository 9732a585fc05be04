import type { Case } from "./case.ts";
import { aCase, base64url, claims, jwkOf, mint, now, pairs, signers, withSecret } from "./mint.ts";

const rs256 = { alg: "RS256", kid: "rsa" };
const head = (header: object) => mint({ header });
const saying = (more: object) => mint({ payload: { ...claims, ...more } });
const empty = signers.bytes(Buffer.alloc(0));
const [header = "", payload = "", signature = ""] = mint().split(".");
const pem = pairs.rsa.publicKey.export({ format: "pem", type: "spki" });
const modulus = Buffer.from(String(jwkOf(pairs.rsa, {}).n), "base64url");
const none = (alg: string) => mint({ header: { alg, kid: "rsa" }, by: empty });
const from = (source: string, cases: readonly Case[]): readonly Case[] => cases.map((given) => ({ ...given, source }));
const forged = base64url(Buffer.from(JSON.stringify({ ...claims, sub: "admin" })));

/** Attacks that were published against those who verify tokens. */
export const attackCases: readonly Case[] = [
  ...from("RFC 8725 2.1, CVE-2015-9235, CVE-2022-23540: a token that says that it needs no signature", [
    aCase("alg none", "AlgorithmNotAllowed", none("none")),
    aCase("alg None", "AlgorithmNotAllowed", none("None")),
    aCase("alg nOnE", "AlgorithmNotAllowed", none("nOnE")),
    withSecret("alg none, where a secret verifies", "AlgorithmNotAllowed", none("none")),
    aCase("alg RS256 and no signature", "BadSignature", mint({ by: empty })),
    aCase("no third part", "NotThreeParts", `${header}.${payload}`),
  ]),
  ...from("RFC 8725 2.1, CVE-2016-10555, CVE-2016-5431, CVE-2022-23541: a public key taken for a secret", [
    aCase(
      "HS256 by the PEM",
      "AlgorithmNotAllowed",
      mint({ header: { alg: "HS256", kid: "rsa" }, by: signers.hmac(pem) }),
    ),
    aCase("HS256 by the modulus", "AlgorithmNotAllowed", mint({ header: { alg: "HS256" }, by: signers.hmac(modulus) })),
    aCase("RS256 by HMAC", "BadSignature", mint({ by: signers.hmac(pem) })),
    withSecret("RS256 where a secret verifies", "AlgorithmNotAllowed", mint()),
    aCase("HS256 by a secret in the key set", "AlgorithmNotAllowed", mint({ header: { alg: "HS256", kid: "oct" } })),
  ]),
  ...from("RFC 8725 3.1: the key must be made for the algorithm", [
    aCase("ES256 with a key of RSA", "UnfitKey", mint({ header: { alg: "ES256", kid: "rsa" }, by: signers.ec })),
    aCase("RS256 with a key of P-256", "UnfitKey", mint({ header: { alg: "RS256", kid: "ec" } })),
    aCase(
      "ES256 with a key of P-384",
      "UnfitKey",
      mint({ header: { alg: "ES256", kid: "wider" }, by: signers.widerEc }),
    ),
    aCase(
      "a key for encryption",
      "UnfitKey",
      mint({ header: { ...rs256, kid: "for-encryption" }, by: signers.otherRsa }),
    ),
    aCase(
      "a key that may not verify",
      "UnfitKey",
      mint({ header: { ...rs256, kid: "for-signing" }, by: signers.otherRsa }),
    ),
    aCase("a key for PS256", "UnfitKey", mint({ header: { ...rs256, kid: "for-ps256" }, by: signers.otherRsa })),
    aCase("alg PS256", "AlgorithmNotAllowed", head({ alg: "PS256", kid: "rsa" })),
    aCase("alg RS512", "AlgorithmNotAllowed", head({ alg: "RS512", kid: "rsa" })),
    aCase("alg EdDSA", "AlgorithmNotAllowed", mint({ header: { alg: "EdDSA", kid: "ed" }, by: signers.ed })),
    aCase("alg rs256", "AlgorithmNotAllowed", head({ alg: "rs256", kid: "rsa" })),
    aCase("a list of algorithms", "AlgorithmNotAllowed", head({ alg: ["RS256"], kid: "rsa" })),
    aCase("no algorithm", "AlgorithmNotAllowed", head({ kid: "rsa" })),
    aCase(
      "an algorithm by __proto__",
      "AlgorithmNotAllowed",
      head(JSON.parse('{"__proto__":{"alg":"RS256"},"kid":"rsa"}')),
    ),
  ]),
  ...from("RFC 8725 2.2 and 3.5, RFC 7518 3.2 and 3.3: weak keys", [
    aCase("a modulus of 1024 bits", "UnfitKey", mint({ header: { ...rs256, kid: "weak" }, by: signers.weakRsa })),
    withSecret("a short secret", "SecretTooShort", mint({ header: { alg: "HS256" }, by: signers.hmac("changeme") }), {
      secret: Buffer.from("changeme").toString("base64"),
    }),
    withSecret("an empty secret", "SecretTooShort", mint({ header: { alg: "HS256" }, by: signers.hmac("") }), {
      secret: "",
    }),
  ]),
  ...from("RFC 8725 2.9 and 3.10, CVE-2018-0114: the token brings its own key", [
    aCase("jwk", "BadSignature", mint({ header: { ...rs256, jwk: jwkOf(pairs.otherRsa, {}) }, by: signers.otherRsa })),
    aCase("jku", "BadSignature", mint({ header: { ...rs256, jku: "https://evil.example/k" }, by: signers.otherRsa })),
    aCase("x5u", "BadSignature", mint({ header: { ...rs256, x5u: "https://evil.example/c" }, by: signers.otherRsa })),
    aCase(
      "jku beside a good signature, which is not fetched",
      "[ada]",
      head({ ...rs256, jku: "https://evil.example/k" }),
    ),
    aCase("a kid that is a path", "UnknownKey", mint({ header: { alg: "RS256", kid: "../../dev/null" }, by: empty })),
    aCase("a kid that is SQL", "UnknownKey", head({ alg: "RS256", kid: "x' UNION SELECT 'k" })),
    aCase("a kid that is a number", "UnknownKey", head({ alg: "RS256", kid: 0 })),
    aCase("a kid that is null", "UnknownKey", head({ alg: "RS256", kid: null })),
    aCase("a kid of every object", "UnknownKey", head({ alg: "RS256", kid: "__proto__" })),
  ]),
  ...from("RFC 7515 4.1.11, RFC 7797, CVE-2025-59420: an extension that must be understood", [
    aCase("crit with a name", "CriticalHeader", head({ ...rs256, crit: ["exp"], exp: now })),
    aCase("crit with b64", "CriticalHeader", head({ ...rs256, crit: ["b64"], b64: false })),
    aCase("an empty crit", "CriticalHeader", head({ ...rs256, crit: [] })),
  ]),
  ...from("RFC 8725 3.4, CVE-2022-21449: signatures and keys that are no numbers of the curve", [
    aCase("zeros", "BadSignature", mint({ header: { alg: "ES256", kid: "ec" }, by: signers.bytes(Buffer.alloc(64)) })),
    aCase(
      "ones",
      "BadSignature",
      mint({ header: { alg: "ES256", kid: "ec" }, by: signers.bytes(Buffer.alloc(64, 255)) }),
    ),
    aCase("DER", "BadSignature", mint({ header: { alg: "ES256", kid: "ec" }, by: signers.ecAsDer })),
    aCase("a point off the curve", "UnfitKey", mint({ header: { alg: "ES256", kid: "off-curve" }, by: signers.ec })),
  ]),
  ...from("RFC 8725 3.3: what was signed is what is read", [
    aCase("another payload", "BadSignature", `${header}.${forged}.${signature}`),
    aCase("another key's signature", "BadSignature", mint({ by: signers.otherRsa })),
    aCase(
      "a cut signature",
      "BadSignature",
      `${header}.${payload}.${base64url(Buffer.from(signature, "base64url").subarray(1))}`,
    ),
  ]),
  ...from("RFC 8725 2.6 and 3.7, RFC 7515 2, CVE-2022-39227: one token, several readings", [
    aCase(
      "JSON that holds a token",
      "NotBase64url",
      `{"protected":"${header}","payload":"${payload}","x":"${forged}.${forged}.${forged}"}`.replaceAll(" ", ""),
    ),
    aCase("padding", "NotBase64url", `${header}.${payload}=.${signature}`),
    aCase("the other alphabet", "NotBase64url", `${header}.${payload}.${signature.slice(0, -4)}+/+/`),
    aCase(
      "bits after the last byte",
      "NotBase64url",
      `${header}.${payload}.${signature.slice(0, -1)}${signature.endsWith("B") ? "C" : "B"}`,
    ),
    aCase("a payload that is not UTF-8", "NotJson", mint({ payloadText: Buffer.from([0x7b, 0xff, 0x7d]) })),
    aCase("a payload that is a list", "NotJson", mint({ payloadText: "[]" })),
    aCase("a payload that is null", "NotJson", mint({ payloadText: "null" })),
    aCase("a header that is not JSON", "NotJson", `${base64url(Buffer.from("RS256"))}.${payload}.${signature}`),
    aCase("nothing between the dots", "NotJson", ".."),
    aCase(
      "a claim twice: the last counts",
      "[bob]",
      mint({ payloadText: JSON.stringify(claims).replace("}", ',"sub":"bob"}') }),
    ),
  ]),
  ...from("RFC 8725 2.3 and 3.6, CVE-2023-51775, CVE-2024-28180: an encrypted token, costly to open", [
    aCase("p2c", "NotThreeParts", `${base64url(Buffer.from('{"alg":"PBES2-HS256+A128KW","p2c":2147483647}'))}.a.a.a.a`),
    aCase("p2c in three parts", "AlgorithmNotAllowed", head({ alg: "PBES2-HS256+A128KW", p2c: 2 ** 31 })),
    aCase("longer than 8 KiB", "TooLong", saying({ padding: "x".repeat(8192) })),
  ]),
  ...from("RFC 8725 2.7 and 3.8, CVE-2024-53861: another issuer", [
    aCase("by the same key", "WrongIssuer", saying({ iss: "https://evil.example" })),
    aCase("a part of the name", "WrongIssuer", saying({ iss: "https://studio" })),
    aCase("the name and more", "WrongIssuer", saying({ iss: "https://studio.example.evil.example" })),
    aCase("the name in a list", "BadClaim", saying({ iss: ["https://studio.example"] })),
  ]),
  ...from("RFC 8725 2.7 and 3.9, CVE-2020-26160: another audience", [
    aCase("a part of the name", "WrongAudience", saying({ aud: "stud" })),
    aCase("an empty list", "WrongAudience", saying({ aud: [] })),
    aCase("a list of nothing", "WrongAudience", saying({ aud: [""] })),
    aCase("a list in a list", "BadClaim", saying({ aud: [["studio"]] })),
    aCase("an object", "BadClaim", saying({ aud: { studio: true } })),
  ]),
  ...from("RFC 8725 2.8 and 3.11: a token that was made for something else", [
    aCase("dpop+jwt", "WrongType", head({ ...rs256, typ: "dpop+jwt" })),
    aCase("logout+jwt", "WrongType", head({ ...rs256, typ: "logout+jwt" })),
    aCase("a type that is a number", "WrongType", head({ ...rs256, typ: 1 })),
  ]),
  ...from("RFC 7519 4.1.4: times that are no numbers", [
    aCase("text", "BadClaim", saying({ exp: String(now + 600) })),
    aCase("null", "BadClaim", saying({ exp: null })),
    aCase("infinity", "BadClaim", mint({ payloadText: JSON.stringify(claims).replace(String(now + 600), "1e999") })),
    aCase("less than nothing", "Expired", saying({ exp: -1 })),
    aCase("a text for nbf", "BadClaim", saying({ nbf: "never" })),
  ]),
  ...from("RFC 8725 3.10, CWE-113: a subject that would be a second header", [
    aCase("a line break", "NoSubject", saying({ sub: "ada\r\nX-StemHub-User: admin" })),
    aCase("no text", "NoSubject", saying({ sub: "" })),
    aCase("a number", "NoSubject", saying({ sub: 1 })),
    aCase("too long", "NoSubject", saying({ sub: "a".repeat(256) })),
    aCase("letters that a header cannot hold", "NoSubject", saying({ sub: "adá" })),
  ]),
  aCase("a revoked subject called like a property of every object", "[constructor]", saying({ sub: "constructor" })),
];
