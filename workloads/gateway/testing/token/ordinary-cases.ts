import type { Case } from "./case.ts";
import { aCase, claims, keySet, mint, now, policy, secret, signers, withSecret } from "./mint.ts";

const good = mint();
const other = mint({ payload: { ...claims, sub: "bob" } });
const es256 = { alg: "ES256", kid: "ec" };
const hs256 = { alg: "HS256", typ: "JWT" };
const { audience: _, ...noAudience } = policy;
const { issuer: __, ...noIssuer } = policy;
const saying = (more: object) => mint({ payload: { ...claims, ...more } });
/** A claim taken away. */
const without = (name: keyof typeof claims) => mint({ payload: { ...claims, [name]: undefined } });
const revoked = (tokens: string[], subjects: Record<string, number> = {}) => ({ revoked: { tokens, subjects } });
const expired = saying({ exp: now - 300 });

/** What people and their apps do, and what they may. */
export const ordinaryCases: readonly Case[] = [
  aCase("a token of RS256", "[ada]", good),
  aCase("a token of ES256", "[ada]", mint({ header: es256, by: signers.ec })),
  aCase("a type at+jwt, in capitals", "[ada]", mint({ header: { alg: "RS256", kid: "rsa", typ: "AT+JWT" } })),
  aCase("no kid, and one key that fits", "[ada]", mint({ header: { alg: "ES256" }, by: signers.ec }), {
    keys: keySet.filter(({ kid }) => kid !== "off-curve"),
  }),
  aCase("no kid, and two keys that fit", "AmbiguousKey", mint({ header: { alg: "ES256" }, by: signers.ec })),
  aCase("a kid of a key that was taken back", "UnknownKey", mint({ header: { alg: "RS256", kid: "old" } })),
  aCase("a secret's token", "UnfitKey", good, { keys: [{ kty: "oct", kid: "rsa" }] }),
  withSecret("a token of HS256", "[ada]", mint({ header: hs256, by: signers.hmac(secret) })),
  withSecret("another secret", "BadSignature", mint({ header: hs256, by: signers.hmac("x".repeat(32)) })),

  aCase("a bearer in small letters", "[ada]", good, { authorization: `bearer ${good}` }),
  aCase("neither bearer nor cookie", "NoToken", "", { authorization: "" }),
  aCase("the cookie", "[ada]", "", { authorization: "", cookies: `theme=dark; session=${good}; a=b` }),
  aCase("the cookie beside Basic", "[ada]", "", { authorization: "Basic YTpi", cookies: `session=${good}` }),
  aCase("a bearer before the cookie", "[bob]", other, { cookies: `session=${good}` }),
  aCase("the same cookie twice", "[ada]", "", { authorization: "", cookies: `session=${good}; session=${good}` }),
  aCase("two cookies that differ", "TwoTokens", "", {
    authorization: "",
    cookies: `session=${good}; session=${other}`,
  }),
  aCase("a cookie of a longer name", "NoToken", "", {
    authorization: "",
    cookies: `xsession=${good}; session2=${good}`,
  }),
  aCase("an empty cookie", "NoToken", "", { authorization: "", cookies: "session=" }),

  aCase("an audience among several", "[ada]", saying({ aud: ["other", "studio"] })),
  aCase("an audience, and none asked for", "WrongAudience", good, { policy: noAudience }),
  aCase("no audience, and none asked for", "[ada]", without("aud"), { policy: noAudience }),
  aCase("another issuer, and none asked for", "[ada]", saying({ iss: "x" }), { policy: noIssuer }),
  aCase("no audience", "WrongAudience", without("aud")),
  aCase("no issuer", "WrongIssuer", without("iss")),
  aCase("no subject", "NoSubject", without("sub")),
  aCase("no expiry", "NoExpiry", without("exp")),
  aCase("no time of issue", "[ada]", without("iat")),

  aCase("a token that expires now, within the skew", "[ada]", saying({ exp: now })),
  aCase("the last second of the skew", "[ada]", saying({ exp: now - 29 })),
  aCase("the skew's end", "Expired", saying({ exp: now - 30 })),
  aCase("an expiry with a fraction", "[ada]", saying({ exp: now + 0.5 })),
  aCase("not before a moment within the skew", "[ada]", saying({ nbf: now + 30 })),
  aCase("not before a moment beyond it", "NotYetValid", saying({ nbf: now + 31 })),
  aCase("issued ahead within the skew", "[ada]", saying({ iat: now + 30 })),
  aCase("issued ahead beyond it", "IssuedInFuture", saying({ iat: now + 31 })),

  aCase("expired, while people can sign in", "Expired", expired),
  aCase("expired, a read, while auth is down", "[ada]", expired, { authDown: true }),
  aCase("expired, a write, while auth is down", "Expired", expired, { authDown: true, isRead: false }),
  aCase("expired beyond the grace", "Expired", saying({ exp: now - 630 }), { authDown: true }),
  aCase("no grace in the spec", "Expired", expired, { authDown: true, policy: { ...policy, expiredGraceSeconds: 0 } }),
  aCase("a good token while auth is down", "[ada]", good, { authDown: true, isRead: false }),

  aCase("its jti revoked", "TokenRevoked", good, revoked(["t-1"])),
  aCase("another jti revoked", "[ada]", good, revoked(["t-2"])),
  aCase("its subject revoked since", "SubjectRevoked", good, revoked([], { ada: now - 59 })),
  aCase("issued after its subject was revoked", "[ada]", good, revoked([], { ada: now - 60 })),
  aCase("its subject revoked, no time of issue", "SubjectRevoked", without("iat"), revoked([], { ada: 1 })),
  aCase("revoked, a read in the grace", "TokenRevoked", expired, { ...revoked(["t-1"]), authDown: true }),

  aCase("keys as old as they may be", "[ada]", good, { fetched: now - 12 * 3600 }),
  aCase("keys that are older", "KeysTooOld", good, { fetched: now - 12 * 3600 - 1 }),
  aCase("an empty key set", "UnknownKey", good, { keys: [] }),
];
