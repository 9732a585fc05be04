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
  /** Nobody can sign in anew. */
  readonly authDown: boolean;
  readonly cache: VerdictCache;
  /** Seconds since 1970. */
  readonly now: number;
}

/** Longest that a signature's verdict is kept, in seconds: so a token is verified anew now and then, whatever its exp. */
const longestCacheSeconds = 3600;

/**
 * Whose request it is, or why it is nobody's. The same while auth is up and while it is down: the last good keys decide.
 * Time, issuer, audience and revocations are judged on every request; only the signature's verdict is remembered.
 */
export async function decideUser(carriers: Carriers, isRead: boolean, known: Known): Promise<Authenticated> {
  const policy = known.policy;
  const found = findToken(carriers, policy.cookie);
  if (found.token === undefined)
    return found.refusal === undefined ? { refusal: "NoToken" } : { refusal: found.refusal };
  const trust = known.trust;
  if (trust === undefined) return { refusal: "NoKeys" };
  if (trust.fetched !== undefined && known.now - trust.fetched > policy.maxKeyAgeHours * 3600) {
    return { refusal: "KeysTooOld" };
  }
  const authenticated = await remembered(found.token, trust, known);
  const claims = authenticated.claims;
  if (claims === undefined) return authenticated;
  const conditions = { policy, now: known.now, graceApplies: isRead && known.authDown, revoked: known.revoked };
  const refusal = judgeClaims(claims, conditions);
  return refusal === undefined ? { claims } : { refusal };
}

async function remembered(token: string, trust: KnownTrust, known: Known): Promise<Authenticated> {
  // The hash of a token, so that the cache's memory holds none.
  const digest = await crypto.subtle.digest("SHA-256", Buffer.from(`${trust.version} ${token}`));
  const key = Buffer.from(digest).toString("base64url");
  const kept = known.cache.get(key);
  if (kept !== undefined) return { claims: JSON.parse(kept) as Claims };
  const authenticated = await authenticate(token, trust);
  const claims = authenticated.claims;
  if (claims !== undefined) {
    const policy = known.policy;
    const seconds = Math.ceil(claims.exp + policy.clockSkewSeconds + policy.expiredGraceSeconds - known.now);
    if (seconds > 0) known.cache.set(key, JSON.stringify(claims), Math.min(seconds, longestCacheSeconds));
  }
  return authenticated;
}
