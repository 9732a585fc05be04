import { z } from "zod";
import { dataKey, exactlyOne, field, keyedBy, matching, objectName } from "./primitives.ts";

const databaseVariable = z
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
          "Which part of the connection the variable holds. url: all of it. caFile: path of the certificate that verifies the server.",
        ),
      ),
    scheme: z
      .string()
      .max(32)
      .default("postgresql")
      .meta(
        field("Scheme of the url, as the app's driver wants it: postgresql, postgresql+asyncpg, …", [
          matching(
            "^[a-z][a-z0-9+.-]*$",
            "database.scheme must be a URL scheme in small letters, without ://: write it like postgresql+asyncpg",
          ),
        ]),
      ),
    parameters: z
      .record(z.string(), z.string().max(256))
      .meta(
        field(
          "Query parameters of the url, instead of those for TLS that suit the scheme: sslmode=verify-full and sslrootcert, or ssl=verify-full for asyncpg.",
          [],
          { maxProperties: 16 },
        ),
      )
      .optional(),
  })
  .meta(
    field(
      "A connection to this StemHub's database: with the app's login, which reads and writes rows, or, in a migration, with the migrator's. {} is its URL. Passwords stay in Secrets.",
      [
        {
          rule: "self.part == 'url' || !has(self.parameters)",
          message: "database.parameters are part of the url only: remove them or set part to url",
        },
      ],
    ),
  );

/** One environment variable of a component or of the migration. */
export const envVarSchema = z
  .object({
    name: z
      .string()
      .min(1)
      .max(128)
      .meta(
        field("Name of the variable. Names that begin with STEMHUB_, and PGSSLROOTCERT, are the operator's.", [
          matching(
            "^[A-Za-z_][A-Za-z0-9_]*$",
            "env.name must be letters, digits and _, not beginning with a digit: write it like DATABASE_URL",
          ),
          {
            rule: "!self.startsWith('STEMHUB_') && self != 'PGSSLROOTCERT'",
            message:
              "env.name may not be PGSSLROOTCERT or begin with STEMHUB_, which the operator sets: choose another name",
          },
        ]),
      ),
    value: z.string().max(8192).meta(field("A literal value, taken as it is: $ has no meaning in it.")).optional(),
    secret: z
      .object({ name: objectName("Name of a Secret in this namespace."), key: dataKey("The key in its data.") })
      .meta(field("The value of a key of a Secret; read when a pod starts."))
      .optional(),
    configMap: z
      .object({ name: objectName("Name of a ConfigMap in this namespace."), key: dataKey("The key in its data.") })
      .meta(field("The value of a key of a ConfigMap; read when a pod starts."))
      .optional(),
    database: databaseVariable.optional(),
    storage: z
      .object({
        part: z
          .enum(["endpoint", "bucket", "region", "accessKeyId", "secretAccessKey", "caFile"])
          .meta(
            field(
              "Which part of spec.storage the variable holds. caFile: path of the authority's certificate, empty without caConfigMap.",
            ),
          ),
      })
      .meta(field("A part of the object storage's settings, from spec.storage."))
      .optional(),
  })
  .meta(
    field("One environment variable, from exactly one of value, secret, configMap, database and storage.", [
      exactlyOne(["value", "secret", "configMap", "database", "storage"], "an env entry"),
    ]),
  );

/** One environment variable, defaults filled in. */
export type EnvVar = z.output<typeof envVarSchema>;

/** A list of variables; a name may appear once. */
export const envSchema = z
  .array(envVarSchema)
  .meta(
    field(
      "Environment variables. An api or a migration without a database entry gets DATABASE_URL, and an api DATABASE_READ_URL, as postgresql:// URLs.",
      [],
      { maxItems: 64, ...keyedBy("name") },
    ),
  );

/** All keys of a Secret or ConfigMap as variables. */
export const envFromSchema = z
  .array(
    z
      .object({
        secret: z
          .object({ name: objectName("Name of a Secret in this namespace.") })
          .meta(field("All keys of a Secret."))
          .optional(),
        configMap: z
          .object({ name: objectName("Name of a ConfigMap in this namespace.") })
          .meta(field("All keys of a ConfigMap."))
          .optional(),
        prefix: z
          .string()
          .max(64)
          .meta(
            field("Put before each key to make the variable's name: MAIL_.", [
              matching(
                "^([A-Za-z_][A-Za-z0-9_]*)?$",
                "envFrom.prefix must be letters, digits and _, not beginning with a digit: write it like MAIL_",
              ),
            ]),
          )
          .optional(),
      })
      .meta(
        field("One source, exactly one of secret and configMap.", [
          exactlyOne(["secret", "configMap"], "an envFrom entry"),
        ]),
      ),
  )
  .meta(field("Whole Secrets and ConfigMaps as variables; entries of env win over them.", [], { maxItems: 16 }));
