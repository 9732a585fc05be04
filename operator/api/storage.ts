import { z } from "zod";
import { field, matching, objectName } from "./primitives.ts";
import { bytes } from "./quantities.ts";

/** The S3-compatible object storage. */
export const storageSchema = z
  .object({
    endpoint: z
      .string()
      .min(1)
      .max(512)
      .meta(
        field("URL of the S3 API, without a bucket.", [
          matching(
            "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$",
            "storage.endpoint must be a URL without a path: write it like https://ACCOUNT.r2.cloudflarestorage.com",
          ),
        ]),
      ),
    bucket: z
      .string()
      .min(3)
      .max(63)
      .meta(
        field("Name of the bucket. It must exist: the operator makes none.", [
          matching(
            "^[a-z0-9][a-z0-9.-]*[a-z0-9]$",
            "storage.bucket must be small letters, digits, dots and -, as S3 names buckets: write it like studio-stems",
          ),
        ]),
      ),
    region: z.string().min(1).max(63).default("auto").meta(field("Region of the bucket; auto for Cloudflare R2.")),
    credentialsSecret: z
      .object({ name: objectName("Name of the Secret, in this namespace.") })
      .meta(field("Secret with the keys accessKeyId and secretAccessKey.")),
    caConfigMap: z
      .object({ name: objectName("Name of the ConfigMap, in this namespace.") })
      .meta(field("ConfigMap with the key ca.crt, where the endpoint's certificate is not from a public authority."))
      .optional(),
    cacheSize: bytes(
      "Most that each gateway pod keeps of files, for routes with files; on its node's disk, and gone with the pod.",
      "64Mi",
    ).default("1Gi"),
  })
  .meta(field("S3-compatible object storage. It reaches a component through env entries with storage."));
