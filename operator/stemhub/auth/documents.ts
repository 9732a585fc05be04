import { readKeySet } from "./key-set.ts";
import { type RevocationList, readRevocations } from "./revocation-list.ts";
import type { AuthTarget } from "./targets.ts";

/** A document that was fetched: what it says, from where, and when it was last confirmed. */
export interface Fetched<T> {
  readonly source: string;
  readonly atMs: number;
  readonly content: T;
}

/** The last good documents of a StemHub. Absent where there was none yet since this leader began. */
export interface AuthDocuments {
  readonly keys?: Fetched<readonly Record<string, unknown>[]>;
  readonly revocations?: Fetched<RevocationList>;
}

/** One of them. */
export type AuthDocument = keyof AuthDocuments;

/** The same as the ConfigMap NAME-mode holds them: JSON, by their keys there without `.json`. */
export interface AuthTexts {
  readonly keys?: string;
  readonly revocations?: string;
}

/**
 * What the ConfigMap NAME-mode is to hold of auth: what was fetched, or else what is there already, so that a new leader
 * takes no good keys away while their source is down. What came from another source than the spec names now is not kept:
 * who leaves an issuer no longer trusts its keys.
 */
export function authTexts(target: AuthTarget | undefined, fetched: AuthDocuments, live: AuthTexts): AuthTexts {
  const { keys, revocations } = target ?? {};
  const keysNow = keys && (ofSource(fetched.keys, keys.url, keysText) ?? kept(live.keys, keys.url, readKeySet));
  const revocationsNow =
    revocations &&
    (ofSource(fetched.revocations, revocations.url, revocationsText) ??
      kept(live.revocations, revocations.url, readRevocations));
  return {
    ...(keysNow === undefined ? {} : { keys: keysNow }),
    ...(revocationsNow === undefined ? {} : { revocations: revocationsNow }),
  };
}

function ofSource<T>(
  fetched: Fetched<T> | undefined,
  source: string,
  write: (fetched: Fetched<T>) => string,
): string | undefined {
  return fetched?.source === source ? write(fetched) : undefined;
}

/** The live text as it stands, when it is a good document of the source. */
function kept(text: string | undefined, source: string, read: (text: string) => unknown): string | undefined {
  if (text === undefined) return undefined;
  try {
    if ((JSON.parse(text) as { source?: unknown }).source !== source) return undefined;
    read(text);
    return text;
  } catch {
    // Somebody wrote over it: no keys are better than theirs.
    return undefined;
  }
}

function keysText({ source, atMs, content }: Fetched<readonly Record<string, unknown>[]>): string {
  return JSON.stringify({ source, fetched: time(atMs), keys: content });
}

function revocationsText({ source, atMs, content }: Fetched<RevocationList>): string {
  return JSON.stringify({ source, fetched: time(atMs), tokens: content.tokens, subjects: content.subjects });
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
