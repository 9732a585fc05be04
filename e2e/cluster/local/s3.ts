import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { ClusterError, type S3Access, s3Buckets, s3Host, s3Port } from "../cluster.ts";
import { readIfPresent, replaceFile } from "../files.ts";
import type { Service } from "./process.ts";
import type { Layout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

/** The object store: VersityGW over a directory, with TLS by the cluster's CA; its credentials are made once. */
export async function s3Service(state: ClusterState, layout: Layout): Promise<Service> {
  const file = credentialsFile(state);
  if ((await readIfPresent(file)) === undefined) {
    const made: Credentials = {
      accessKeyId: randomBytes(8).toString("hex"),
      secretAccessKey: randomBytes(24).toString("hex"),
    };
    await replaceFile(file, JSON.stringify(made));
  }
  const { accessKeyId, secretAccessKey } = readCredentials(file);
  // A bucket is a directory; what has no owner belongs to the root account, the only one here.
  for (const bucket of s3Buckets) await mkdir(state.path("s3", bucket), { recursive: true });
  const certificate = ["--cert", state.path("pki", "s3.crt"), "--key", state.path("pki", "s3.key")];
  const address = `${layout.hostAddress}:${s3Port}`;
  return {
    name: "s3",
    command: ["versitygw", "--port", address, ...certificate, "--region", "auto", "--quiet", "posix", state.path("s3")],
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
  };
}

/** How to use it. Errors: ClusterError before the cluster's first `up`. */
export function s3Access(state: ClusterState, layout: Layout): S3Access {
  const file = credentialsFile(state);
  if (!existsSync(file)) throw new ClusterError("the cluster is not up: npm run cluster -- up");
  return {
    endpoint: `https://${s3Host}:${s3Port}`,
    hostEndpoint: `https://${layout.hostAddress}:${s3Port}`,
    ...readCredentials(file),
    caFile: state.path("pki", "ca.crt"),
    buckets: s3Buckets,
  };
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

function credentialsFile(state: ClusterState): string {
  return state.path("s3-credentials.json");
}

function readCredentials(file: string): Credentials {
  return JSON.parse(readFileSync(file, "utf8"));
}
