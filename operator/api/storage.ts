import { z } from "zod";
import { field, objectName } from "./primitives.ts";

/** The S3-compatible object storage. */
export const storageSchema = z
  .object({
    endpoint: z
      .string()
      .min(1)
      .max(512)
      .meta(
        field("URL of the S3 API, without a bucket.", [
          {
            rule: "self.matches('^https?://[^/ ]+/?$')",
            message: "storage.endpoint must be a URL without a path, like https://ACCOUNT.r2.cloudflarestorage.com",
          },
        ]),
      ),
    bucket: z
      .string()
      .min(3)
      .max(63)
      .meta(
        field("The bucket; it must exist.", [
          {
            rule: "self.matches('^[a-z0-9][a-z0-9.-]*[a-z0-9]$')",
            message: "storage.bucket must be small letters, digits, dots and -, as S3 names buckets",
          },
        ]),
      ),
    region: z.string().min(1).max(63).default("auto").meta(field("Region; auto for Cloudflare R2.")),
    credentialsSecret: z
      .object({ name: objectName("Name of the Secret.") })
      .meta(field("Secret with the keys accessKeyId and secretAccessKey.")),
    caConfigMap: z
      .object({ name: objectName("Name of the ConfigMap.") })
      .meta(field("ConfigMap with the key ca.crt, where the endpoint's certificate is not from a public authority."))
      .optional(),
  })
  .meta(field("S3-compatible object storage, handed to components through env entries with storage."));
