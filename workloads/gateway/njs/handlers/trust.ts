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
  // The mode-agent hands everything over anew now and then.
  if (recall("jwks") === text) return;
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
 * Keeps revocations, one entry each, so that no request reads a long list. What is new is there before what is gone is taken
 * away: at no moment is anything allowed that both lists revoke. Errors: SharedMemoryError when the zone is full; what was
 * revoked before still is.
 */
export function keepRevocations(text: string): void {
  const zone = ngx.shared.revoked;
  const digest = hash(text);
  if (zone === undefined || recall("revocations") === digest) return;
  const list = JSON.parse(text) as { tokens?: readonly string[]; subjects?: Readonly<Record<string, number>> };
  const subjects = list.subjects ?? {};
  const wanted: Record<string, string> = {};
  (list.tokens ?? []).forEach((jti) => {
    wanted[`t ${jti}`] = "1";
  });
  Object.keys(subjects).forEach((sub) => {
    wanted[`s ${sub}`] = String(subjects[sub]);
  });
  Object.keys(wanted).forEach((name) => {
    const value = String(wanted[name]);
    if (zone.get(name) !== value) zone.set(name, value);
  });
  zone.keys(mostEntries).forEach((name) => {
    if (wanted[name] === undefined) zone.delete(name);
  });
  keep("revocations", digest);
}

/** What is revoked by now; nothing while nothing is known. */
export const revoked: Revoked = {
  token: (jti) => ngx.shared.revoked?.get(`t ${jti}`) !== undefined,
  subject: (sub) => {
    const before = ngx.shared.revoked?.get(`s ${sub}`);
    return before === undefined ? undefined : Number(before);
  },
};

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
