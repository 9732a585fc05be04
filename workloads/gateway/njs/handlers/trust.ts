// biome-ignore lint/style/useNodejsImportProtocol: njs knows it by this name alone.
import crypto from "crypto";
// biome-ignore lint/style/useNodejsImportProtocol: njs knows it by this name alone.
import fs from "fs";
import type { Revoked } from "../token/claims.ts";
import type { KnownTrust, VerdictCache } from "../token/decide.ts";
import type { Jwk } from "../token/keys.ts";
import { keep, recall } from "./shared.ts";

/** Where the secret of HS256 is mounted: in this container alone, since who has it can make tokens. */
const secretFile = "/etc/stemhub/token-secret/secret";

/** Entries of the zone `revoked`: no key set has as many bytes. */
const mostEntries = 1_000_000;

/** Keeps a key set (JSON), and beside it what every request needs of it, so that none reads JSON. */
export function keepKeys(text: string): void {
  const set = JSON.parse(text) as { fetched: string; keys: readonly Jwk[] };
  const fetched = Date.parse(set.fetched) / 1000;
  if (!Number.isFinite(fetched) || !Array.isArray(set.keys)) throw new Error("no key set");
  keep("jwks", text);
  keep("trust", `${fetched} ${hash(JSON.stringify(set.keys))}`);
}

/** What tokens are verified by: the secret where the spec names one, else the last key set; undefined while there is none. */
export function currentTrust(bySecret: boolean): KnownTrust | undefined {
  if (bySecret) return secretTrust();
  const summary = recall("trust");
  if (summary === undefined) return undefined;
  const parts = summary.split(" ");
  return { version: String(parts[1]), fetched: Number(parts[0]), keys: keySet };
}

function keySet(): readonly Jwk[] {
  return (JSON.parse(recall("jwks") ?? "{}") as { keys?: readonly Jwk[] }).keys ?? [];
}

/** Read each time, so that a new secret counts at once. Where it cannot be read, nobody can say whose a request is. */
function secretTrust(): KnownTrust | undefined {
  try {
    const secret = fs.readFileSync(secretFile);
    return { version: hash(secret), secret };
  } catch (error) {
    ngx.log(ngx.ERR, `the secret of tokens: ${(error as Error).message}`);
    return undefined;
  }
}

/**
 * Keeps revocations, one entry each, so that no request reads a long list. They are of a generation that counts from the moment
 * at which all of it is there. Errors: SharedMemoryError when the zone is full; the former generation then stays.
 */
export function keepRevocations(text: string): void {
  const list = JSON.parse(text) as { tokens?: readonly string[]; subjects?: Readonly<Record<string, number>> };
  const tokens = list.tokens ?? [];
  const subjects = list.subjects ?? {};
  const none = tokens.length === 0 && Object.keys(subjects).length === 0;
  const generation = none ? "" : hash(JSON.stringify([tokens, subjects]));
  const zone = ngx.shared.revoked;
  if (zone === undefined || recall("revocations") === generation) return;
  tokens.forEach((jti) => {
    zone.set(`${generation} t ${jti}`, "1");
  });
  Object.keys(subjects).forEach((sub) => {
    zone.set(`${generation} s ${sub}`, String(subjects[sub]));
  });
  keep("revocations", generation);
  zone.keys(mostEntries).forEach((key) => {
    if (none || !key.startsWith(generation)) zone.delete(key);
  });
}

/** What is revoked by now; nothing while nothing is known. */
export const revoked: Revoked = {
  token: (jti) => entry(`t ${jti}`) !== undefined,
  subject: (sub) => {
    const before = entry(`s ${sub}`);
    return before === undefined ? undefined : Number(before);
  },
};

/** A generation's entries go when the next one counts: whoever has looked in the former looks again. */
function entry(name: string): string | undefined {
  for (;;) {
    const generation = recall("revocations");
    if (generation === undefined || generation === "") return undefined;
    const value = ngx.shared.revoked?.get(`${generation} ${name}`) as string | undefined;
    if (value !== undefined || recall("revocations") === generation) return value;
  }
}

/** The zone `verdicts`, in which the oldest go when room is needed. */
export const verdicts: VerdictCache = {
  get: (key) => ngx.shared.verdicts?.get(key) as string | undefined,
  set: (key, value, seconds) => {
    ngx.shared.verdicts?.set(key, value, seconds * 1000);
  },
};

/** SHA-256. */
export function hash(data: NjsStringOrBuffer): string {
  return crypto.createHash("sha256").update(data).digest("base64url");
}
