import { z } from "zod";
import { dataKey, exactlyOne, field, keyedBy, objectName } from "./primitives.ts";

/** One environment variable of a component or of the migration. */
export const envVarSchema = z
  .object({
    name: z
      .string()
      .min(1)
      .max(128)
      .meta(
        field("Name of the variable.", [
          {
            rule: "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
            message: "env.name must be letters, digits and _, not beginning with a digit: write it like DATABASE_URL",
          },
          {
            rule: "!self.startsWith('STEMHUB_')",
            message: "env.name may not begin with STEMHUB_, which the operator sets itself: choose another name",
          },
        ]),
      ),
    value: z.string().max(8192).meta(field("A literal value, taken as it is: $ has no meaning in it.")).optional(),
    secret: z
      .object({ name: objectName("Name of a Secret in this namespace."), key: dataKey("The key in it.") })
      .meta(field("The value of a key of a Secret."))
      .optional(),
    configMap: z
      .object({ name: objectName("Name of a ConfigMap in this namespace."), key: dataKey("The key in it.") })
      .meta(field("The value of a key of a ConfigMap."))
      .optional(),
    database: z
      .object({
        endpoint: z
          .enum(["default", "readWrite", "readOnly"])
          .default("default")
          .meta(
            field(
              "default: the primary, or while there is none a replica, so that reads go on. readWrite: strictly the primary. readOnly: replicas.",
            ),
          ),
        part: z
          .enum(["url", "host", "port", "name", "user", "password", "caFile"])
          .default("url")
          .meta(
            field(
              "Which part of the connection the variable holds. caFile: path of the certificate that verifies the server.",
            ),
          ),
        scheme: z
          .string()
          .max(32)
          .default("postgresql")
          .meta(
            field("Scheme of the url, as the app's driver wants it: postgresql, postgresql+asyncpg, …", [
              {
                rule: "self.matches('^[a-z][a-z0-9+.-]*$')",
                message: "database.scheme must be a URL scheme in small letters, like postgresql+asyncpg",
              },
            ]),
          ),
        parameters: z
          .record(z.string(), z.string().max(256))
          .meta(
            field("Query parameters of the url, instead of the TLS parameters that suit the scheme.", [], {
              maxProperties: 16,
            }),
          )
          .optional(),
      })
      .meta(field("A connection to this StemHub's database; the password never appears in an object."))
      .optional(),
    storage: z
      .object({
        part: z
          .enum(["endpoint", "bucket", "region", "accessKeyId", "secretAccessKey", "caFile"])
          .meta(field("Which part of spec.storage the variable holds.")),
      })
      .meta(field("A part of the object storage's settings."))
      .optional(),
  })
  .meta(
    field("One environment variable.", [
      exactlyOne(["value", "secret", "configMap", "database", "storage"], "an env entry"),
    ]),
  );

/** One environment variable, defaults filled in. */
export type EnvVar = z.output<typeof envVarSchema>;

/** A list of variables; a name may appear once. */
export const envSchema = z
  .array(envVarSchema)
  .meta(field("Environment variables.", [], { maxItems: 64, ...keyedBy("name") }));

/** All keys of a Secret or ConfigMap as variables. */
export const envFromSchema = z
  .array(
    z
      .object({
        secret: z
          .object({ name: objectName("Name of a Secret.") })
          .meta(field("All keys of a Secret."))
          .optional(),
        configMap: z
          .object({ name: objectName("Name of a ConfigMap.") })
          .meta(field("All keys of a ConfigMap."))
          .optional(),
        prefix: z.string().max(64).meta(field("Put before each key.")).optional(),
      })
      .meta(field("One source.", [exactlyOne(["secret", "configMap"], "an envFrom entry")])),
  )
  .meta(field("Whole Secrets and ConfigMaps as variables.", [], { maxItems: 16 }));
