import type { Migrate, StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { contentHash } from "../content-hash.ts";
import { environmentOf, migrationDefaults, withDefaults } from "../environment.ts";
import { childLabels, childMetadata } from "../metadata.ts";
import { childNames, serviceHost } from "../names.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";

/** What a migration's Job is made from. */
export interface MigrationInput {
  readonly stemhub: StemHub;
  /** Holds psql, for tool sql, and pg_isready, for all. */
  readonly postgresImage: string;
  readonly clusterDomain: string;
}

/** The uids of the images: the operator's own PostgreSQL image, and the app's as components run it. */
const postgresUid = 999;
const appUid = 10_001;

/** Tools keep caches in the home directory, and nothing but /tmp can be written. */
const home = { name: "HOME", value: "/tmp" };

/** The commands of the tools, for images that are laid out as the tool's own documentation has it. */
const toolCommands = {
  prisma: ["node", "node_modules/prisma/build/index.js", "migrate", "deploy"],
  alembic: ["alembic", "upgrade", "head"],
} as const;
const toolDirectories = { prisma: "/app/prisma", alembic: "/app" } as const;

/**
 * Says which migration this is: it changes when anything changes that would run, and with the release's version.
 * One hash, one run.
 */
export function migrationHash({ spec }: StemHub): string | undefined {
  const { version, migrate, images } = spec.release;
  if (!migrate) return undefined;
  return contentHash(JSON.stringify([version, migrate, migrate.image ?? images.api ?? ""]));
}

/**
 * The Job of the release's migration. It runs once: no retry of what failed, which a migration that stopped half-way might
 * not survive; a person or a new spec decides. Nothing has been tried yet while it waits for the database: the operator
 * knows of the first primary a second before every node leads to it.
 */
export function migrationJob(input: MigrationInput, hash: string, migrate: Migrate): KubeObject {
  const { stemhub } = input;
  const name = stemhub.metadata.name;
  const env = withDefaults(migrate.env, migrate.tool === "sql" ? [] : migrationDefaults);
  const sql = migrate.tool === "sql" ? sqlParts(input, migrate) : undefined;
  const environment = environmentOf({
    stemhub,
    env: sql ? [...sql.env, ...env] : env,
    login: "migrator",
    clusterDomain: input.clusterDomain,
  });
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      ...childMetadata(stemhub, childNames(name).migration(hash), "migration"),
      annotations: { "stemhub.dev/release": stemhub.spec.release.version },
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: migrate.timeoutSeconds,
      template: {
        metadata: { labels: childLabels(name, "migration") },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: restrictedPod({ uid: sql ? postgresUid : appUid }),
          initContainers: [
            {
              name: "wait-for-database",
              image: input.postgresImage,
              imagePullPolicy: "IfNotPresent",
              command: ["/usr/local/lib/stemhub/wait-for-database", readWriteHost(input)],
              resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } },
              securityContext: restrictedContainer(),
            },
          ],
          containers: [
            {
              name: "migrate",
              image: sql ? input.postgresImage : (migrate.image ?? stemhub.spec.release.images.api ?? ""),
              imagePullPolicy: "IfNotPresent",
              command: sql?.command ?? commandOf(migrate),
              ...workingDirOf(migrate),
              env: [...(env.some(({ name: own }) => own === "HOME") ? [] : [home]), ...environment.env],
              resources: migrate.resources ?? { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } },
              securityContext: restrictedContainer(),
              volumeMounts: [
                { name: "tmp", mountPath: "/tmp" },
                ...environment.volumeMounts,
                ...(sql?.volumeMounts ?? []),
              ],
            },
          ],
          volumes: [{ name: "tmp", emptyDir: {} }, ...environment.volumes, ...(sql?.volumes ?? [])],
        },
      },
    },
  };
}

function readWriteHost({ stemhub, clusterDomain }: MigrationInput): string {
  const { name, namespace } = stemhub.metadata;
  return serviceHost(childNames(name).databaseReadWrite, namespace ?? "", clusterDomain);
}

function commandOf({ tool, command }: Migrate): readonly string[] {
  if (command) return command;
  switch (tool) {
    case "prisma":
    case "alembic":
      return toolCommands[tool];
    case "sql":
    case "command":
      // The CRD's rules: sql has its own command, and command names one.
      throw new Error(`release.migrate.command is missing for tool ${tool}`);
  }
}

function workingDirOf({ tool, command, workingDir }: Migrate): { workingDir?: string } {
  if (workingDir !== undefined) return { workingDir };
  if (command !== undefined || tool === "sql" || tool === "command") return {};
  return { workingDir: toolDirectories[tool] };
}

/** The image's own runner for SQL files, and what it needs: workloads/postgres/bin/run-sql. */
function sqlParts({ stemhub }: MigrationInput, { sql }: Migrate) {
  const part = (name: string, which: "host" | "user" | "password" | "name") => ({
    name,
    database: { endpoint: "readWrite", part: which, scheme: "postgresql" } as const,
  });
  return {
    command: ["/usr/local/lib/stemhub/run-sql", "/migrations", stemhub.spec.release.version],
    env: [
      part("PGHOST", "host"),
      part("PGUSER", "user"),
      part("PGPASSWORD", "password"),
      part("PGDATABASE", "name"),
      { name: "PGSSLMODE", value: "verify-full" },
    ],
    volumes: [{ name: "migrations", configMap: { name: sql?.configMap ?? "" } }],
    volumeMounts: [{ name: "migrations", mountPath: "/migrations", readOnly: true }],
  };
}
