import { decideUser } from "../../njs/token/decide.ts";
import type { Jwk } from "../../njs/token/keys.ts";

/** One request to decide, as JSON: so that Node and njs can be given the very same. */
export interface Case {
  readonly given: string;
  /** Where the case was published: a CVE, or a section of an RFC. */
  readonly source?: string;
  readonly authorization?: string;
  readonly cookies?: string;
  readonly isRead: boolean;
  readonly authDown: boolean;
  readonly policy: {
    readonly issuer?: string;
    readonly audience?: string;
    readonly cookie?: string;
    readonly clockSkewSeconds: number;
    readonly expiredGraceSeconds: number;
    readonly maxKeyAgeHours: number;
  };
  /** Absent: no key set was fetched yet. */
  readonly keys?: readonly Jwk[];
  readonly fetched?: number;
  /** Instead of keys, in base64. */
  readonly secret?: string;
  readonly revoked: { readonly tokens: readonly string[]; readonly subjects: Readonly<Record<string, number>> };
  readonly now: number;
  /** The user's subject in brackets, or the reason of the refusal. */
  readonly then: string;
}

/** What is decided, in the words of `then`. In the subset of the language that njs knows. */
export async function decideCase(given: Case): Promise<string> {
  const trust: { version: string; keys?: () => readonly Jwk[]; fetched?: number; secret?: Uint8Array<ArrayBuffer> } = {
    version: "1",
  };
  const keys = given.keys;
  if (keys !== undefined) trust.keys = () => keys;
  if (given.fetched !== undefined) trust.fetched = given.fetched;
  if (given.secret !== undefined) trust.secret = Buffer.from(given.secret, "base64");
  const carriers = { authorization: given.authorization, cookies: given.cookies };
  const decision = await decideUser(carriers, given.isRead, {
    policy: given.policy,
    trust: given.keys === undefined && given.secret === undefined ? undefined : trust,
    revoked: {
      token: (jti) => given.revoked.tokens.indexOf(jti) >= 0,
      subject: (sub) =>
        Object.keys(given.revoked.subjects).indexOf(sub) < 0 ? undefined : given.revoked.subjects[sub],
    },
    authDown: () => given.authDown,
    hash: (text) => text,
    cache: { get: () => undefined, set: () => undefined },
    now: given.now,
  });
  return decision.claims === undefined ? String(decision.refusal) : `[${decision.claims.sub}]`;
}
