import type { StemHub } from "../api/stemhub.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { keptMetadata, type Part } from "./metadata.ts";
import { StalledError } from "./stalled.ts";

/** A Secret that the operator generates: it belongs to nobody, so that it outlives the StemHub with its data. */
export function generatedSecret(
  stemhub: StemHub,
  name: string,
  part: Part,
  type: "Opaque" | "kubernetes.io/tls",
  data: Readonly<Record<string, string>>,
): KubeObject {
  return { apiVersion: "v1", kind: "Secret", metadata: keptMetadata(stemhub, name, part), type, data: encoded(data) };
}

/** Values as a Secret holds them. */
export function encoded(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}

/** One key of a Secret, decoded; undefined where somebody took it out. */
export function decoded(secret: KubeObject, key: string): string | undefined {
  const value = (secret.data as Record<string, string> | undefined)?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}

/** One key of a Secret, decoded. @throws StalledError when somebody took the key out. */
export function readSecret(secret: KubeObject, key: string): string {
  const value = decoded(secret, key);
  if (value !== undefined) return value;
  throw new StalledError("SecretIncomplete", `Secret ${secret.metadata.name} has no key ${key}. Restore it.`);
}
