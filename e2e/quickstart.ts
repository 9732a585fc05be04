import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import type { Environment } from "./environment.ts";
import type { Kubectl } from "./support/kubectl.ts";

/** Names that examples/quickstart.yaml gives to what an admin makes beforehand. */
const names = { jwt: "studio-jwt", storage: "studio-s3", storageAuthority: "studio-s3-ca" } as const;

/** The part of a StemHub that is filled in. */
interface Quickstart {
  readonly spec: {
    readonly release: { readonly images: Record<string, string> };
    readonly storage?: Record<string, unknown>;
  };
}

/**
 * The objects of examples/quickstart.yaml with what differs from cluster to cluster filled in: the example's image by the
 * one that was built here, the object storage by the cluster's own. All else is as a reader sees it.
 */
export async function quickstart({ cluster, images }: Environment): Promise<object[]> {
  const text = await readFile(new URL("../examples/quickstart.yaml", import.meta.url), "utf8");
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Quickstart | { kind: string });
  return objects.map((object) => {
    if (!("spec" in object)) return object;
    const { spec } = object;
    const built = Object.keys(spec.release.images).map((component) => [component, images["example-api"]]);
    const storage = spec.storage && { ...spec.storage, endpoint: cluster.s3.endpoint, bucket: cluster.s3.buckets[0] };
    const release = { ...spec.release, images: Object.fromEntries(built) };
    return { ...object, spec: { ...spec, release, ...(storage ? { storage } : {}) } };
  });
}

/** What the example's app needs beside it: random where it may be, made once, and kept by every later run. */
export async function quickstartSecrets(kubectl: Kubectl, { cluster }: Environment): Promise<void> {
  const { accessKeyId, secretAccessKey, caFile } = cluster.s3;
  if (!(await kubectl.find(`secret/${names.jwt}`))) {
    await kubectl.apply(secret(names.jwt, { secret: randomBytes(32).toString("base64url") }));
  }
  await kubectl.apply(secret(names.storage, { accessKeyId, secretAccessKey }), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: names.storageAuthority },
    data: { "ca.crt": await readFile(caFile, "utf8") },
  });
}

function secret(name: string, stringData: Record<string, string>): object {
  return { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData };
}
