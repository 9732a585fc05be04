import { authenticate, type Trust } from "./authenticate.ts";
import { type Authenticated, type ClaimPolicy, type Claims, judgeClaims, type Revoked } from "./claims.ts";
import { type Carriers, findToken } from "./find.ts";

/** What spec.auth says, as the gateway keeps it. */
export interface TokenPolicy extends ClaimPolicy {
  /** Name of the cookie that holds the token; bearer tokens alone where absent. */
  readonly cookie?: string;
  readonly maxKeyAgeHours: number;
}

/** What tokens are verified by now. */
export interface KnownTrust extends Trust {
  /** Changes whenever the keys do: what was verified by others is verified again. */
  readonly version: string;
  /** When the key set was fetched, in seconds since 1970. Absent for a secret, which has no age. */
  readonly fetched?: number;
}

/** Claims of tokens whose signature was good, by a hash of the token and the version of the keys. Never of others, which anybody can make. */
export interface VerdictCache {
  readonly get: (key: string) => string | undefined;
  /** Kept for `seconds` at most, and less when room is needed. */
  readonly set: (key: string, value: string, seconds: number) => void;
}

/** What a request is decided by. */
export interface Known {
  readonly policy: TokenPolicy;
  /** Undefined while none is known: no key set was fetched yet. */
  readonly trust: KnownTrust | undefined;
  readonly revoked: Revoked;
  /** Whether nobody can sign in anew. */
  readonly authDown: () => boolean;
  readonly cache: VerdictCache;
  /** A hash by which a token can be told and not be guessed: SHA-256. */
  readonly hash: (text: string) => string;
  /** Seconds since 1970. */
  readonly now: number;
}

/** Longest that a signature's verdict is kept, in seconds: so a token is verified anew now and then, whatever its exp. */
const longestCacheSeconds = 3600;

/** Whose request it is, or why it is nobody's. */
export interface Decision extends Authenticated {
  /** The claims as JSON. */
  readonly text?: string;
}

/** A request's decision, or the token whose signature has to be verified first. */
export interface AtOnce {
  readonly decision?: Decision;
  readonly unknown?: { readonly token: string; readonly trust: KnownTrust; readonly key: string };
}

/**
 * Whose request it is, or why it is nobody's, as far as that can be said without verifying a signature: mostly, since tokens
 * come again and again. Without a promise, which costs njs as much as all the rest (docs/decisions/0017).
 */
export function decideAtOnce(carriers: Carriers, isRead: boolean, known: Known): AtOnce {
  const policy = known.policy;
  const found = findToken(carriers, policy.cookie);
  const token = found.token;
  if (token === undefined) return { decision: { refusal: found.refusal ?? "NoToken" } };
  const trust = known.trust;
  if (trust === undefined) return { decision: { refusal: "NoKeys" } };
  if (trust.fetched !== undefined && known.now - trust.fetched > policy.maxKeyAgeHours * 3600) {
    return { decision: { refusal: "KeysTooOld" } };
  }
  // The hash of a token, so that the cache's memory holds none.
  const key = known.hash(`${trust.version} ${token}`);
  const kept = known.cache.get(key);
  if (kept === undefined) return { unknown: { token, trust, key } };
  return { decision: judge(JSON.parse(kept) as Claims, kept, isRead, known) };
}

/**
 * Whose request it is, or why it is nobody's. The same while auth is up and while it is down: the last good keys decide.
 * Time, issuer, audience and revocations are judged on every request; only the signature's verdict is remembered.
 */
export async function decideUser(carriers: Carriers, isRead: boolean, known: Known): Promise<Decision> {
  const atOnce = decideAtOnce(carriers, isRead, known);
  const unknown = atOnce.unknown;
  if (unknown === undefined) return atOnce.decision ?? { refusal: "NoToken" };
  const authenticated = await authenticate(unknown.token, unknown.trust);
  const claims = authenticated.claims;
  if (claims === undefined) return authenticated;
  const text = JSON.stringify(claims);
  const policy = known.policy;
  const seconds = Math.ceil(claims.exp + policy.clockSkewSeconds + policy.expiredGraceSeconds - known.now);
  if (seconds > 0) known.cache.set(unknown.key, text, Math.min(seconds, longestCacheSeconds));
  return judge(claims, text, isRead, known);
}

function judge(claims: Claims, text: string, isRead: boolean, known: Known): Decision {
  const graceApplies = () => isRead && known.authDown();
  const refusal = judgeClaims(claims, { policy: known.policy, now: known.now, graceApplies, revoked: known.revoked });
  return refusal === undefined ? { claims, text } : { refusal };
}
