import { z } from "zod";
import { field, matching, objectName } from "./primitives.ts";

/**
 * Where an S3-compatible bucket is and how it is entered: the same fields wherever the spec names one.
 *
 * @param where the path of the section in the spec, for the sentences of its rules.
 */
export function bucketFields(where: string, { tlsOnly = false }: { readonly tlsOnly?: boolean } = {}) {
  const scheme = tlsOnly ? "https" : "https?";
  return {
    endpoint: z
      .string()
      .min(1)
      .max(512)
      .meta(
        field(`URL of the S3 API, without a bucket${tlsOnly ? "; https alone" : ""}.`, [
          matching(
            `^${scheme}://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$`,
            `${where}.endpoint must be a URL ${tlsOnly ? "with https and " : ""}without a path: write it like https://ACCOUNT.r2.cloudflarestorage.com`,
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
            `${where}.bucket must be small letters, digits, dots and -, as S3 names buckets: write it like studio-stems`,
          ),
        ]),
      ),
    region: z
      .string()
      .min(1)
      .max(63)
      .default("auto")
      .meta(
        field("Region of the bucket; auto for Cloudflare R2.", [
          matching(
            "^[A-Za-z0-9._-]+$",
            `${where}.region must be letters, digits and . _ -: write it like auto or eu-central-1`,
          ),
        ]),
      ),
    credentialsSecret: z
      .object({ name: objectName("Name of the Secret, in this namespace.") })
      .meta(field("Secret with the keys accessKeyId and secretAccessKey.")),
    caConfigMap: z
      .object({ name: objectName("Name of the ConfigMap, in this namespace.") })
      .meta(field("ConfigMap with the key ca.crt, where the endpoint's certificate is not from a public authority."))
      .optional(),
  };
}
