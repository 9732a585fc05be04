import { createHash } from "node:crypto";
import type { ApplyOptions, KubeApi } from "./api.ts";
import type { CacheReader } from "./cache.ts";
import { findDrift } from "./drift.ts";
import { ConflictError } from "./errors.ts";
import type { KubeObject } from "./objects.ts";

export interface ApplyDeps {
  readonly api: KubeApi;
  /** Where live objects are read, and where the result is put at once. */
  readonly cache: CacheReader & { observe(object: KubeObject): void };
  readonly fieldManager: string;
  /** The annotation that holds the hash of what was applied, e.g. `stemhub.dev/applied`. */
  readonly hashAnnotation: string;
}

export interface Applied {
  /** The object as the API server has it. */
  readonly object: KubeObject;
  /** Whether a request was sent. */
  readonly written: boolean;
  /** Whether the request changed anything. */
  readonly changed: boolean;
  /** Why it was sent: `absent`, `desired changed`, or the path that drifted. */
  readonly why?: string;
}

/**
 * Server-side apply, skipped when it would change nothing. The kind must be in the cache.
 *
 * It is sent when the object is absent, when what we want is not what we last applied (its hash is kept in an
 * annotation: so a field that was dropped from `desired` is dropped from the object), or when a field that we want has
 * drifted (see findDrift). An apply that changed nothing is not repeated until either side changes, so that a
 * normalisation of the API server that findDrift does not know costs one request, not one in each pass.
 *
 * Errors: those of KubeApi.apply. Throws for a Secret with stringData: it is write-only, so nothing could compare it.
 */
export async function applyIfChanged(
  deps: ApplyDeps,
  desired: KubeObject,
  options: Omit<ApplyOptions, "subresource"> = {},
): Promise<Applied> {
  if (desired.stringData !== undefined) throw new Error("stringData cannot be compared with what is live: use data");
  const { name, namespace, annotations } = desired.metadata;
  const hash = hashOf(desired);
  const live = deps.cache.get(desired, namespace, name);
  const why = reasonToApply(deps, desired, hash, live);
  if (live && (why === undefined || isSettled(deps, live, "", hash))) {
    return { object: live, written: false, changed: false };
  }
  const marked = { ...annotations, [deps.hashAnnotation]: hash };
  const sent = { ...desired, metadata: { ...desired.metadata, annotations: marked } };
  const object = await deps.api.apply(sent, { fieldManager: deps.fieldManager, ...options });
  const changed = object.metadata.resourceVersion !== live?.metadata.resourceVersion;
  deps.cache.observe(object);
  settle(deps, object, "", hash);
  return { object, written: true, changed, ...(why === undefined ? {} : { why }) };
}

/**
 * Writes `status` by server-side apply of the subresource, unless the live one is equal to it. The status is all ours:
 * a field that `status` does not have is removed. `judged` is the object that the status is about.
 *
 * Guarantees that no other incarnation of the object is written to: on an object that was deleted and created again, a
 * Ready of the old one would look like the truth (both have generation 1). The API server does not compare the uid
 * here, only the resource version; so the newest one that the cache has goes with the request.
 *
 * Errors: ConflictError when the object has changed beyond what the cache has seen, or is another one or gone: come
 * again at once.
 */
export async function applyStatusIfChanged(deps: ApplyDeps, judged: KubeObject, status: object): Promise<Applied> {
  const { name, namespace, uid } = judged.metadata;
  const live = deps.cache.get(judged, namespace, name);
  if (live?.metadata.uid !== uid || !live) {
    const message = `${judged.kind} ${name} is another one by now, or gone`;
    throw new ConflictError({ status: 409, reason: "Conflict", message });
  }
  const hash = hashOf(status);
  if (hashOf(live.status ?? {}) === hash || isSettled(deps, live, "/status", hash)) {
    return { object: live, written: false, changed: false };
  }
  const { resourceVersion } = live.metadata;
  const metadata = { name, ...(namespace ? { namespace } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  const sent = { apiVersion: live.apiVersion, kind: live.kind, metadata, status };
  const object = await deps.api.apply(sent, { fieldManager: deps.fieldManager, subresource: "status" });
  deps.cache.observe(object);
  settle(deps, object, "/status", hash);
  return { object, written: true, changed: object.metadata.resourceVersion !== resourceVersion, why: "status changed" };
}

function reasonToApply(deps: ApplyDeps, desired: KubeObject, hash: string, live: KubeObject | undefined) {
  if (!live) return "absent";
  if (live.metadata.annotations?.[deps.hashAnnotation] !== hash) return "desired changed";
  return findDrift(desired, live, deps.fieldManager);
}

/** Hash of a value, whatever the order of its keys. Null and undefined fields count as absent, as they do for apply. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("base64url").slice(0, 22);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(",")}}`;
}

/**
 * What each of our last applies led to: hash and resulting resource version, by uid. While both are the same, another
 * apply would do again what the last one did. Lives and dies with the cache; losing it costs a few requests.
 */
const settled = new WeakMap<object, Map<string, string>>();

/** Far more objects than one operator has: reached only by those long deleted, so starting over is cheap. */
const maxSettled = 10_000;

function isSettled(deps: ApplyDeps, live: KubeObject, part: string, hash: string): boolean {
  return settled.get(deps.cache)?.get(`${live.metadata.uid}${part}`) === `${hash} ${live.metadata.resourceVersion}`;
}

function settle(deps: ApplyDeps, object: KubeObject, part: string, hash: string): void {
  const memory = settled.get(deps.cache) ?? new Map<string, string>();
  settled.set(deps.cache, memory);
  if (memory.size >= maxSettled) memory.clear();
  memory.set(`${object.metadata.uid}${part}`, `${hash} ${object.metadata.resourceVersion}`);
}
