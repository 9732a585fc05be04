import type { KubeObject } from "./objects.ts";
import { sameQuantity } from "./quantity.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The first path at which a server-side apply of `desired` would change `live`, e.g. `spec.replicas` or
 * `spec.template.spec.containers[name=api].image`; undefined when it would change nothing.
 *
 * Only paths of `desired` are looked at: what others add beside them is theirs, and what the API server fills in is its
 * own. A path drifts when the live value differs, or when `fieldManager` does not own it (somebody took it: then a
 * later change of ours might leave a remnant).
 *
 * managedFields guide the walk, since they show how the API server merges each path: a leaf is replaced whole, `k:`
 * entries are items of a list found by their keys, `v:` entries members of a set. So no table of Kubernetes' schemas is
 * needed here, and kinds that nobody has thought of work.
 *
 * Assumes: fields that `desired` no longer has are found by other means (the hash of what was applied). A difference
 * that the API server makes by itself and that is not known here is reported as drift: the apply then changes nothing.
 */
export function findDrift(desired: KubeObject, live: KubeObject, fieldManager: string): string | undefined {
  const fields = live.metadata.managedFields?.find(
    (entry) => entry.manager === fieldManager && entry.operation === "Apply" && !entry.subresource,
  )?.fieldsV1;
  if (!fields) return "metadata.managedFields";
  const { apiVersion: _v, kind: _k, status: _s, metadata, ...body } = desired;
  const { labels, annotations, ownerReferences, finalizers } = metadata;
  const wanted = { ...body, metadata: { labels, annotations, ownerReferences, finalizers } };
  return driftOfObject(wanted, live as Fields, fields, "");
}

function driftOf(desired: unknown, live: unknown, fields: unknown, path: string): string | undefined {
  if (desired === undefined || desired === null) return undefined;
  if (live === undefined && isZero(desired)) return undefined; // Go's omitempty: the server drops it, and its owner.
  if (path === "metadata") return driftOfObject(desired as Fields, live as Fields, (fields ?? {}) as Fields, path);
  if (!isRecord(fields)) return path;
  const inside = Object.keys(fields).filter((name) => name !== ".");
  if (inside.length === 0) return same(desired, live, path) ? undefined : path;
  if (Array.isArray(desired)) return driftOfList(desired, Array.isArray(live) ? live : [], fields, inside, path);
  if (isRecord(desired) && isRecord(live)) return driftOfObject(desired, live, fields, path);
  return path;
}

function driftOfObject(desired: Fields, live: Fields, fields: Fields, path: string): string | undefined {
  for (const [name, value] of Object.entries(desired)) {
    const drift = driftOf(value, live[name], fields[`f:${name}`], path ? `${path}.${name}` : name);
    if (drift) return drift;
  }
  return undefined;
}

function driftOfList(
  desired: readonly unknown[],
  live: readonly unknown[],
  fields: Fields,
  inside: readonly string[],
  path: string,
): string | undefined {
  const byKeys = inside.filter((name) => name.startsWith("k:")).map((name) => ({ name, keys: keysOf(name) }));
  for (const item of desired) {
    if (!isRecord(item)) {
      if (fields[`v:${JSON.stringify(item)}`] === undefined || !live.includes(item)) return `${path}[${item}]`;
      continue;
    }
    const entry = byKeys.find(({ keys }) => hasKeys(item, keys));
    if (!entry) return path;
    const label = Object.entries(entry.keys).map(([name, value]) => `${name}=${value}`);
    const there = live.find((one) => isRecord(one) && hasKeys(one, entry.keys));
    if (!there) return `${path}[${label}]`;
    // An item without fields of its own is replaced whole, as owner references are.
    const drift = driftOf(item, there, fields[entry.name], `${path}[${label}]`);
    if (drift) return drift;
  }
  return undefined;
}

/** A field that is part of a list's key and has a default: the only one in Kubernetes' own kinds. */
const keyDefaults: Fields = { protocol: "TCP" };

function hasKeys(item: Fields, keys: Fields): boolean {
  return Object.entries(keys).every(([name, value]) => (item[name] ?? keyDefaults[name]) === value);
}

function keysOf(name: string): Fields {
  return JSON.parse(name.slice(2)) as Fields;
}

/** Whether live holds all that desired says, in a part that is replaced whole; there live may have defaults besides. */
function same(desired: unknown, live: unknown, path: string): boolean {
  if (desired === live || desired === undefined || desired === null) return true;
  if (live === undefined) return isZero(desired);
  if (Array.isArray(desired)) {
    if (!Array.isArray(live) || live.length !== desired.length) return false;
    return desired.every((item, index) => same(item, live[index], `${path}[]`));
  }
  if (isRecord(desired)) {
    return (
      isRecord(live) && Object.entries(desired).every(([name, value]) => same(value, live[name], `${path}.${name}`))
    );
  }
  return quantityPath.test(path) && sameQuantity(desired, live);
}

/** Where a string is a quantity. Nowhere else is "1" the same as "1000m": an env value or an annotation is text. */
const quantityPath = /\.(requests|limits|capacity|hard|overhead)\.[^.]+$|\.(sizeLimit|divisor|averageValue)$/;

function isZero(value: unknown): boolean {
  if (value === false || value === 0 || value === "" || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.values(value).every((inner) => inner === undefined || isZero(inner));
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
