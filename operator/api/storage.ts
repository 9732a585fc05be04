import { z } from "zod";
import { field } from "./primitives.ts";
import { bytes } from "./quantities.ts";
import { bucketFields } from "./s3.ts";

/** The S3-compatible object storage. */
export const storageSchema = z
  .object({
    ...bucketFields("storage"),
    cacheSize: bytes(
      "Most that each gateway pod keeps of files, for routes with files; on its node's disk, and gone with the pod.",
      "64Mi",
    ).default("1Gi"),
  })
  .meta(field("S3-compatible object storage. It reaches a component through env entries with storage."));
