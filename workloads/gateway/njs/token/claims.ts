import type { Refusal } from "./refusal.ts";

/** What a good token says of its user. Times in seconds since 1970. */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
  /** Empty where the token names none. */
  readonly aud: readonly string[];
  readonly iss?: string;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
}

/** What a token says, once its signature is known to be good; or why it says nothing. */
export interface Authenticated {
  readonly claims?: Claims;
  readonly refusal?: Refusal;
}

/** What spec.auth says of claims. */
export interface ClaimPolicy {
  readonly issuer?: string;
  readonly audience?: string;
  readonly clockSkewSeconds: number;
  readonly expiredGraceSeconds: number;
}

/** What has been revoked, as far as is known. */
export interface Revoked {
  readonly token: (jti: string) => boolean;
  /** From before when the subject's tokens are void, in seconds since 1970. */
  readonly subject: (sub: string) => number | undefined;
}

/** What a token is judged by. */
export interface Conditions {
  readonly policy: ClaimPolicy;
  /** Seconds since 1970. */
  readonly now: number;
  /** Whether an expired token may pass for expiredGraceSeconds: it is a read, and nobody can sign in anew. */
  readonly graceApplies: () => boolean;
  readonly revoked: Revoked;
}

type Rule = (claims: Claims, conditions: Conditions) => Refusal | undefined;

/** The first rule that speaks is the reason. Whose token it is comes before when it was good. */
const rules: readonly Rule[] = [
  wrongIssuer,
  wrongAudience,
  tokenRevoked,
  subjectRevoked,
  notYetValid,
  issuedInFuture,
  expired,
];

/** Why a token with a good signature does not make a user; undefined where it does. */
export function judgeClaims(claims: Claims, conditions: Conditions): Refusal | undefined {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    const refusal = rule === undefined ? undefined : rule(claims, conditions);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function wrongIssuer(claims: Claims, conditions: Conditions): Refusal | undefined {
  const issuer = conditions.policy.issuer;
  return issuer === undefined || claims.iss === issuer ? undefined : "WrongIssuer";
}

/** A token that names an audience is for nobody else (RFC 7519 section 4.1.3), also where the spec asks for none. */
function wrongAudience(claims: Claims, conditions: Conditions): Refusal | undefined {
  const audience = conditions.policy.audience;
  if (audience === undefined) return claims.aud.length === 0 ? undefined : "WrongAudience";
  return claims.aud.indexOf(audience) >= 0 ? undefined : "WrongAudience";
}

function tokenRevoked(claims: Claims, conditions: Conditions): Refusal | undefined {
  return claims.jti !== undefined && conditions.revoked.token(claims.jti) ? "TokenRevoked" : undefined;
}

/** A token that does not say when it was issued may be from before. */
function subjectRevoked(claims: Claims, conditions: Conditions): Refusal | undefined {
  const before = conditions.revoked.subject(claims.sub);
  if (before === undefined) return undefined;
  return claims.iat === undefined || claims.iat < before ? "SubjectRevoked" : undefined;
}

function notYetValid(claims: Claims, conditions: Conditions): Refusal | undefined {
  const late = conditions.now + conditions.policy.clockSkewSeconds;
  return claims.nbf !== undefined && claims.nbf > late ? "NotYetValid" : undefined;
}

function issuedInFuture(claims: Claims, conditions: Conditions): Refusal | undefined {
  const late = conditions.now + conditions.policy.clockSkewSeconds;
  return claims.iat !== undefined && claims.iat > late ? "IssuedInFuture" : undefined;
}

function expired(claims: Claims, conditions: Conditions): Refusal | undefined {
  const policy = conditions.policy;
  const late = conditions.now - claims.exp - policy.clockSkewSeconds;
  if (late < 0) return undefined;
  return late < policy.expiredGraceSeconds && conditions.graceApplies() ? undefined : "Expired";
}

/** Characters that a subject may have: those that a header can carry, so that it reaches a component as it is. */
const subjectForm = /^[\x21-\x7e]{1,255}$/;

/** A payload's claims, each of its type. */
export function readClaims(payload: Record<string, unknown>): Authenticated {
  const sub = payload.sub;
  const exp = payload.exp;
  if (typeof sub !== "string" || !subjectForm.test(sub)) return { refusal: "NoSubject" };
  if (exp === undefined) return { refusal: "NoExpiry" };
  if (!isTime(exp)) return { refusal: "BadClaim" };
  const aud = payload.aud === undefined ? [] : typeof payload.aud === "string" ? [payload.aud] : payload.aud;
  if (!isTexts(aud)) return { refusal: "BadClaim" };
  const claims: { -readonly [K in keyof Claims]: Claims[K] } = { sub, exp, aud };
  const iss = payload.iss;
  const jti = payload.jti;
  const nbf = payload.nbf;
  const iat = payload.iat;
  if (iss !== undefined) {
    if (typeof iss !== "string") return { refusal: "BadClaim" };
    claims.iss = iss;
  }
  if (jti !== undefined) {
    if (typeof jti !== "string") return { refusal: "BadClaim" };
    claims.jti = jti;
  }
  if (nbf !== undefined) {
    if (!isTime(nbf)) return { refusal: "BadClaim" };
    claims.nbf = nbf;
  }
  if (iat !== undefined) {
    if (!isTime(iat)) return { refusal: "BadClaim" };
    claims.iat = iat;
  }
  return { claims };
}

/** A NumericDate (RFC 7519 section 2): a JSON number, which may have a fraction. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
