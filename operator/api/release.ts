import { z } from "zod";
import { envSchema } from "./environment.ts";
import { cleanPath, field, imageReference, matching, objectName } from "./primitives.ts";
import { resources } from "./quantities.ts";

/** The parts of a StemHub that run images of its own. */
export const componentNames = ["api", "web", "auth", "collaboration", "updates"] as const;

/** One of the five components. */
export type ComponentName = (typeof componentNames)[number];

/** An object with one optional field a component. */
export function perComponent<T extends z.ZodType>(schema: (name: ComponentName) => T) {
  return z.object({
    api: schema("api").optional(),
    web: schema("web").optional(),
    auth: schema("auth").optional(),
    collaboration: schema("collaboration").optional(),
    updates: schema("updates").optional(),
  });
}

/** What the operator sets itself for psql, which runs the files of tool sql. */
const sqlVariables = ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE"];

const migrateSchema = z
  .object({
    tool: z
      .enum(["prisma", "alembic", "sql", "command"])
      .meta(
        field(
          "What migrates the schema. prisma: prisma migrate deploy. alembic: alembic upgrade head. sql: the files of a ConfigMap, by psql. command: whatever command says.",
        ),
      ),
    image: imageReference("Image that holds the tool and the migrations; release.images.api where absent.").optional(),
    command: z
      .array(z.string().max(4096))
      .min(1)
      .meta(field("The command to run, instead of the tool's own.", [], { maxItems: 64 }))
      .optional(),
    sql: z
      .object({
        configMap: objectName(
          "ConfigMap whose keys NAME.sql are files, run in order of name, each once and in a transaction.",
        ),
      })
      .meta(field("Where the files of tool sql come from."))
      .optional(),
    workingDir: z
      .string()
      .min(1)
      .max(1024)
      .meta(
        field("Directory that the command starts in; where absent, the tool's usual one in the image.", [
          cleanPath("release.migrate.workingDir"),
        ]),
      )
      .optional(),
    env: envSchema.optional(),
    timeoutSeconds: z
      .int()
      .min(10)
      .max(86_400)
      .default(600)
      .meta(field("Seconds that it may take; over it, the migration has failed and the rollout does not begin.")),
    resources: resources("Requests and limits of the migration's pod.").optional(),
  })
  .meta(
    field(
      "How the schema is brought to this release: one Job before the rollout, exactly once a release. Where it fails, the rollout does not begin and status.release.migration holds its last log lines.",
      [
        {
          rule: "self.tool != 'command' || has(self.command)",
          message: "release.migrate.command is missing: tool command needs the command to run",
        },
        {
          rule: "self.tool != 'sql' || has(self.sql)",
          message: "release.migrate.sql is missing: tool sql needs sql.configMap with the files",
        },
        {
          rule: "self.tool == 'sql' || !has(self.sql)",
          message: "release.migrate.sql is only for tool sql: remove it or set tool to sql",
        },
        {
          rule: "self.tool != 'sql' || !has(self.command)",
          message: "release.migrate.command is not for tool sql: remove it or set tool to command",
        },
        {
          rule: "self.tool != 'sql' || !has(self.image)",
          message: "release.migrate.image is not for tool sql, which runs in the operator's own image: remove it",
        },
        {
          rule: `self.tool != 'sql' || !has(self.env) || !self.env.exists(e, e.name in ['${sqlVariables.join("', '")}'])`,
          message: `release.migrate.env may not name ${sqlVariables.join(", ")} with tool sql, which sets them itself: remove them`,
        },
      ],
    ),
  );

/** Which release runs: its version, its images, its migration. */
export const releaseSchema = z
  .object({
    version: z
      .string()
      .min(1)
      .max(63)
      .meta(
        field("Version of the release, as people call it: 1.4.0. A new one means a new migration.", [
          matching(
            "^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?$",
            "release.version may hold letters, digits and . _ + - between them: write it like 1.4.0",
          ),
        ]),
      ),
    images: perComponent((name) => imageReference(`Image of ${name}.`)).meta(
      field(
        "Image of each component, with a tag or a digest. An image whose component is not in components is not run.",
        [
          {
            rule: componentNames.map((name) => `has(self.${name})`).join(" || "),
            message: "release.images is empty: name the image of at least one component",
          },
        ],
      ),
    ),
    migrate: migrateSchema.optional(),
  })
  .meta(field("The release that runs: images, and the migration that must have succeeded before them."));

/** spec.release.migrate, defaults filled in. */
export type Migrate = z.output<typeof migrateSchema>;
