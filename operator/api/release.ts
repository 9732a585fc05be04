import { z } from "zod";
import { envSchema } from "./environment.ts";
import { field, imageReference, objectName, resources } from "./primitives.ts";

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

const migrateSchema = z
  .object({
    tool: z.enum(["prisma", "alembic", "sql", "command"]).meta(field("What migrates the schema.")),
    image: imageReference("Image of the migration; the api's where absent.").optional(),
    command: z
      .array(z.string().max(4096))
      .min(1)
      .meta(field("The command, instead of the tool's own.", [], { maxItems: 64 }))
      .optional(),
    sql: z
      .object({ configMap: objectName("ConfigMap whose keys are SQL files, run in order of name, each once.") })
      .meta(field("SQL files for tool sql."))
      .optional(),
    workingDir: z.string().min(1).max(1024).meta(field("Directory the command starts in.")).optional(),
    env: envSchema.optional(),
    timeoutSeconds: z
      .int()
      .min(10)
      .max(86_400)
      .default(600)
      .meta(field("How long it may take, in seconds; then it has failed.")),
    resources: resources("Requests and limits of the migration.").optional(),
  })
  .meta(
    field("How the schema is brought to this release: one Job, before the rollout, exactly once a release.", [
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
    ]),
  );

/** Which release runs: its version, its images, its migration. */
export const releaseSchema = z
  .object({
    version: z
      .string()
      .min(1)
      .max(63)
      .meta(
        field("Version of the release, as people call it: 1.4.0.", [
          {
            rule: "self.matches('^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?$')",
            message: "release.version may hold letters, digits, dots, + and -: write it like 1.4.0",
          },
        ]),
      ),
    images: perComponent((name) => imageReference(`Image of ${name}.`)).meta(
      field("Image of each component, with a tag or a digest.", [
        {
          rule: componentNames.map((name) => `has(self.${name})`).join(" || "),
          message: "release.images is empty: name the image of at least one component",
        },
      ]),
    ),
    migrate: migrateSchema.optional(),
  })
  .meta(field("The release that runs."));

/** spec.release.migrate, defaults filled in. */
export type Migrate = z.output<typeof migrateSchema>;
