import { z } from "zod";
import type { KubeObject } from "../runtime/objects.ts";
import { authSchema } from "./auth.ts";
import { backupSchema } from "./backup.ts";
import { certificatesSchema } from "./certificates.ts";
import { type Component, componentSchema } from "./component.ts";
import { databaseSchema, volumesOnlyGrow } from "./database.ts";
import { gatewaySchema } from "./gateway.ts";
import { dawParsingSchema, modesSchema } from "./modes.ts";
import { field } from "./primitives.ts";
import { queueSchema } from "./queue.ts";
import { type ComponentName, componentNames, perComponent, releaseSchema } from "./release.ts";
import { defineKind } from "./schema/define-kind.ts";
import { type StemHubStatus, statusSchema } from "./status.ts";
import { storageSchema } from "./storage.ts";

const what: Record<ComponentName, string> = {
  api: "The backend: HTTP for web and plugin, and the only component that gets DATABASE_URL by itself.",
  web: "The web app.",
  auth: "The sign-in service.",
  collaboration: "The service for working together in real time.",
  updates: "The service that the plugin asks for its updates.",
};

/** Everything that has env entries. */
const environments = [...componentNames.map((name) => `components.${name}`), "release.migrate"];

/** Some env entry asks for storage. */
const usesStorage = environments
  .map((path) => `(has(self.${path}) && has(self.${path}.env) && self.${path}.env.exists(e, has(e.storage)))`)
  .join(" || ");

/** The desired platform. */
export const specSchema = z
  .object({
    release: releaseSchema,
    database: databaseSchema,
    storage: storageSchema.optional(),
    backup: backupSchema.optional(),
    components: perComponent((name) => componentSchema(what[name])).meta(
      field(
        "What runs beside database and gateway; at least one of them. Each becomes a Deployment NAME-COMPONENT with a Service.",
        [
          {
            rule: componentNames.map((name) => `has(self.${name})`).join(" || "),
            message: "components is empty: add at least one, such as api",
          },
        ],
      ),
    ),
    gateway: gatewaySchema.prefault({}),
    auth: authSchema.optional(),
    certificates: certificatesSchema.prefault({}),
    modes: modesSchema.prefault({}),
    dawParsing: dawParsingSchema.optional(),
    queue: queueSchema.optional(),
    deletionPolicy: z
      .enum(["Retain", "Delete"])
      .default("Retain")
      .meta(
        field(
          "What becomes of volumes and generated Secrets when the StemHub is deleted. Retain: they stay, and a StemHub of the same name finds them. Delete: they go, and the data with them.",
        ),
      ),
  })
  .meta(
    field("The platform that is wanted. Only people and Git write it; the operator never does.", [
      ...componentNames.map((name) => ({
        rule: `!has(self.components.${name}) || has(self.release.images.${name})`,
        message: `release.images.${name} is missing: name the image that components.${name} runs, or remove the component`,
      })),
      {
        rule: `!has(self.gateway.routes) || self.gateway.routes.all(r, !has(r.component) || ${componentNames.map((name) => `(r.component == '${name}' && has(self.components.${name}))`).join(" || ")})`,
        message: "gateway.routes names a component that is not in components: add it to components or change the route",
      },
      {
        rule: "has(self.auth) || !has(self.gateway.routes) || !self.gateway.routes.exists(r, has(r.access) && r.access == 'User')",
        message: "auth is missing, and a route has access User: add spec.auth, or set the route's access to Public",
      },
      {
        rule: "has(self.storage) || !has(self.gateway.routes) || !self.gateway.routes.exists(r, has(r.files))",
        message: "storage is missing, and a route has files: add spec.storage or remove the route",
      },
      {
        rule: `!has(self.auth) || [${["jwks", "revocations"].map((what) => `has(self.auth.${what}) && has(self.auth.${what}.component) ? self.auth.${what}.component : ''`).join(", ")}].all(c, c == '' || ${componentNames.map((name) => `(c == '${name}' && has(self.components.${name}))`).join(" || ")})`,
        message: "auth names a component that is not in components: add it to components, or set url instead",
      },
      {
        rule: "has(self.gateway.routes) || has(self.components.api) || has(self.components.web)",
        message: "gateway.routes is missing: without api and web there is no default route, so name the routes",
      },
      {
        rule: "has(self.queue) || !has(self.gateway.routes) || self.gateway.routes.all(r, !has(r.writes) || r.writes != 'Queue')",
        message: "queue is missing, and a route of the gateway has writes: Queue: add spec.queue, or change the route",
      },
      {
        rule: "has(self.queue) || !has(oldSelf.queue)",
        message: "queue cannot be removed: writes may be waiting in it; keep it, without routes that use it if need be",
      },
      {
        rule: "!has(self.release.migrate) || self.release.migrate.tool == 'sql' || has(self.release.migrate.image) || has(self.release.images.api)",
        message: "release.migrate.image is missing: without an api image, name the image that migrates",
      },
      {
        rule: `has(self.storage) || !(${usesStorage})`,
        message: "storage is missing, and an env entry asks for a part of it: add spec.storage or remove the entry",
      },
    ]),
  );

/** The spec with all defaults filled in. */
export type StemHubSpec = z.output<typeof specSchema>;

/** A StemHub as the operator works with it. */
export interface StemHub extends KubeObject {
  spec: StemHubSpec;
  status?: StemHubStatus;
}

/** The kind StemHub: its CRD, its reference page and its types come from here. */
export const stemhubDefinition = defineKind({
  group: "stemhub.dev",
  version: "v1alpha1",
  kind: "StemHub",
  plural: "stemhubs",
  shortNames: ["shub"],
  categories: ["stemhub"],
  description:
    "One platform for musicians' projects: replicated PostgreSQL, the app's components, and the gateway before them, at one release.",
  spec: specSchema,
  status: statusSchema,
  rules: [
    {
      rule: "size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
      message:
        "metadata.name must be at most 40 small letters, digits and -, with a letter at the beginning and no - at the end, since the names of all its objects begin with it: choose a shorter or simpler one",
    },
    volumesOnlyGrow,
  ],
  columns: [
    { name: "Mode", type: "string", jsonPath: ".status.modes.mode", description: "What works now." },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: "Whether the platform is available.",
    },
    { name: "Release", type: "string", jsonPath: ".status.release.version", description: "The release that runs." },
    {
      name: "DB",
      type: "string",
      jsonPath: ".status.database.summary",
      description: "Members of the database in sync.",
    },
    {
      name: "Reason",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: "Why it is ready or not.",
      priority: 1,
    },
    { name: "URL", type: "string", jsonPath: ".status.gateway.url", description: "Where it is reached.", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Since when." },
  ],
});

/**
 * A StemHub from the API server's JSON, with defaults filled in (the API server has done so already; a test that
 * builds one by hand has not). Unknown fields of a newer version are left out of `spec`.
 *
 * @throws ZodError when it could not have passed the CRD, which is a bug of one of the two.
 */
export function parseStemHub(raw: KubeObject): StemHub {
  const status = raw.status as StemHubStatus | undefined;
  return { ...raw, spec: specSchema.parse(raw.spec), ...(status === undefined ? {} : { status }) };
}

/** The components that a StemHub has, in the order of `componentNames`. */
export function componentsOf(stemhub: StemHub): { name: ComponentName; component: Component }[] {
  return componentNames.flatMap((name) => {
    const component = stemhub.spec.components[name];
    return component ? [{ name, component }] : [];
  });
}

export type { Component, Volume } from "./component.ts";
export type { EnvVar } from "./environment.ts";
export type { Route } from "./gateway.ts";
export type { ComponentName, Migrate } from "./release.ts";
export { componentNames } from "./release.ts";
export type {
  Condition,
  DatabaseWarning,
  OutOfSyncStatus,
  RebuildStatus,
  RotationStatus,
  StemHubStatus,
  SwitchoverStatus,
} from "./status.ts";
