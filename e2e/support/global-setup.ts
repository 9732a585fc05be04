import { readFile } from "node:fs/promises";
import type { TestProject } from "vitest/node";
import { prepare } from "../environment.ts";
import { consoleProgress } from "../progress.ts";
import type { SuiteEnvironment } from "./suite.ts";

/** Before the first file: a cluster with this checkout's images and operator. What is there already is kept. */
export default async function setup(project: TestProject): Promise<void> {
  const { cluster, kubectl, images } = await prepare(consoleProgress());
  const { endpoint, buckets, accessKeyId, secretAccessKey, caFile } = cluster.s3;
  const [bucket = "", backupBucket = ""] = buckets;
  const environment: SuiteEnvironment = {
    provider: cluster.provider,
    kubectl: kubectl.target,
    images: { postgres: images.postgres, exampleApi: images["example-api"] },
    auditLog: cluster.auditLog,
    storage: { endpoint, bucket, backupBucket, accessKeyId, secretAccessKey, ca: await readFile(caFile, "utf8") },
  };
  project.provide("environment", environment);
}
