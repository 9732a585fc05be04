import { z } from "zod";
import { backupStatusSchema } from "./backup-status.ts";
import { modesStatusSchema } from "./modes.ts";
import { field, keyedBy } from "./primitives.ts";

const text = (what: string, max = 1024) => z.string().max(max).meta(field(what));
const count = (what: string) => z.int().min(0).meta(field(what));

const conditionSchema = z
  .object({
    type: text("What it is about: Ready, Reconciling, Stalled, DatabaseAvailable, …", 64),
    status: z
      .enum(["True", "False", "Unknown"])
      .meta(field("Whether it holds; Unknown where the operator cannot tell.")),
    reason: text("Why, in one word for machines, such as MigrationFailed.", 128),
    message: text("Why, in a sentence for people: what, where, and the next step.", 8192),
    observedGeneration: count("The metadata.generation of the spec that it speaks of."),
    lastTransitionTime: text("When its status last changed, as RFC 3339.", 32),
  })
  .meta(field("One condition."));

/** One condition of a status. */
export type Condition = z.output<typeof conditionSchema>;

const switchoverSchema = z
  .object({
    cause: z
      .enum(["Annotation", "Restart", "ScaleDown", "Drain"])
      .meta(
        field(
          "Annotation: a person asked. Restart: the primary is the last to restart for a change. ScaleDown: the primary is to leave. Drain: its node is closed to new pods.",
        ),
      ),
    request: text(
      "The last value of the annotation stemhub.dev/switchover that was carried out or refused: each is, once.",
      1024,
    ).optional(),
    phase: z
      .enum(["Requested", "Done", "Refused", "Failed"])
      .meta(field("How far it is. Refused: nothing was tried; Failed: it was, and the primary stayed.")),
    from: text("The pod that was primary.", 253).optional(),
    to: text("The pod that is to be primary.", 253).optional(),
    since: text("When the request was seen, as RFC 3339.", 32),
    message: text("What happened, in a sentence.", 4096),
  })
  .meta(field("The last switchover, by the annotation stemhub.dev/switchover or for a change of the spec."));

/** How a switchover went. */
export type SwitchoverStatus = z.output<typeof switchoverSchema>;

const outOfSyncSchema = z
  .object({
    member: text("Its pod.", 253),
    since: text("When that was first seen, as RFC 3339.", 32),
  })
  .meta(field("A member that is not in sync."));

/** A member that is not in sync, and since when. */
export type OutOfSyncStatus = z.output<typeof outOfSyncSchema>;

const rebuildSchema = z
  .object({
    member: text("Its pod.", 253),
    at: text("When its volume was given up, as RFC 3339.", 32),
    reason: text("What was wrong with the former copy.", 1024),
  })
  .meta(field("A member that was given a new volume, and copied the primary anew."));

/** A member that was rebuilt. */
export type RebuildStatus = z.output<typeof rebuildSchema>;

const rotationSchema = z
  .object({
    request: text(
      "The last value of the annotation stemhub.dev/rotate-password that was taken up: each is, once.",
      1024,
    ),
    phase: z
      .enum(["Preparing", "RollingOut", "Done"])
      .meta(
        field(
          "Preparing: the other login gets a new password. RollingOut: the Secret names it, and the app's pods take it up. Done: the former login is closed.",
        ),
      ),
    from: text("The login that the app had.", 63),
    to: text("The login that takes over.", 63),
    since: text("When the request was seen, as RFC 3339.", 32),
    message: text("How far it is, in a sentence.", 1024),
  })
  .meta(field("The last rotation of the app's password, by the annotation stemhub.dev/rotate-password."));

/** How the rotation of a password goes. */
export type RotationStatus = z.output<typeof rotationSchema>;

const warningSchema = z
  .object({
    reason: z
      .enum(["VolumeFull", "VolumeFilling", "ConnectionsExhausted", "LongTransaction"])
      .meta(
        field(
          "VolumeFull: the primary's volume is 90 % full, and the database read-only. VolumeFilling: a volume is 80 % full. ConnectionsExhausted: 90 % of the app's connections are taken. LongTransaction: a session holds back vacuum.",
        ),
      ),
    about: text("The pod, or the session by its pid.", 253),
    since: text("When it was first seen, as RFC 3339.", 32),
    message: text("What it is and what to do, in a sentence; figures are those of that moment.", 1024),
  })
  .meta(field("Something that strains the database."));

/** Something that strains the database. */
export type DatabaseWarning = z.output<typeof warningSchema>;

const authWarningSchema = z
  .object({
    document: z.enum(["keys", "revocations"]).meta(field("What is not fetched.")),
    reason: z
      .enum(["KeysNotFetched", "KeysTooOld", "NoKeys", "RevocationsNotFetched"])
      .meta(
        field(
          "KeysNotFetched: tokens are verified by the last keys. KeysTooOld, NoKeys: no token is verified. RevocationsNotFetched: the last list is honoured.",
        ),
      ),
    source: text("The URL that is asked.", 2048),
    since: text("Since when it fails, as RFC 3339.", 32),
    fetched: text("When the one in use was fetched, as RFC 3339; absent where there is none.", 32).optional(),
    message: text("What it is, what it does, until when, and the next step.", 4096),
  })
  .meta(field("A document of auth that cannot be fetched for three minutes or longer."));

/** A document of auth that cannot be fetched. */
export type AuthWarning = z.output<typeof authWarningSchema>;

const queueSchema = z
  .object({
    pending: count("Writes that wait or are being sent."),
    deadLetters: count(
      "Writes that could not be applied and wait for a person: node main.ts dead-letters list, in a pod of the queue.",
    ),
    oldest: text("When the oldest write that waits was accepted, as RFC 3339; absent while none waits.", 32).optional(),
    asOf: text("When these were counted, as RFC 3339. Numbers that only move are written every half minute.", 32),
  })
  .meta(field("The write queue, as it said last."));

/** What waits in the write queue. */
export type QueueStatus = z.output<typeof queueSchema>;

/** What the operator reports. */
export const statusSchema = z
  .object({
    observedGeneration: count(
      "The metadata.generation that the whole status speaks of; below the object's own, an edit has not been seen yet.",
    ).optional(),
    conditions: z
      .array(conditionSchema)
      .meta(
        field(
          "Ready: the platform serves as the spec says. DatabaseAvailable: there is a primary that takes writes. DatabaseRedundant: all members are in sync. AppAvailable: every component serves. ReleaseProgressing: a rollout goes on. BackupsRecoverable, where there are backups: the database can be restored to a moment ago. Reconciling, while true: the operator is at work. Stalled, while true: only a person can mend it.",
          [],
          { maxItems: 32, ...keyedBy("type") },
        ),
      )
      .optional(),
    release: z
      .object({
        version: text("The release that runs; during a rollout the former one.", 63).optional(),
        migration: z
          .object({
            job: text("Name of its Job.", 253),
            phase: z.enum(["Pending", "Running", "Succeeded", "Failed"]).meta(field("How far it is.")),
            message: text("What happened, in a sentence.", 4096).optional(),
            logTail: text("The last lines of the log of a migration that failed, without passwords.", 4096).optional(),
          })
          .meta(field("The migration of the spec's release."))
          .optional(),
      })
      .meta(field("What runs, and how its migration went."))
      .optional(),
    database: z
      .object({
        primary: text("The pod that is primary; absent while there is none.", 253).optional(),
        instances: count("Members that the spec wants."),
        ready: count("Members whose pods are ready."),
        inSync: count("Members that are in sync with the primary, itself among them."),
        summary: text("The same for people: 3/3 in sync.", 64),
        volumeSize: text(
          "What the smallest volume of a member holds: spec.database.storage.size cannot go below it.",
          32,
        ).optional(),
        switchover: switchoverSchema.optional(),
        outOfSync: z
          .array(outOfSyncSchema)
          .meta(field("Members that are not in sync; absent when all are.", [], { maxItems: 5, ...keyedBy("member") }))
          .optional(),
        rotation: rotationSchema.optional(),
        warnings: z
          .array(warningSchema)
          .meta(field("What strains the database now; absent when nothing does.", [], { maxItems: 8 }))
          .optional(),
        rebuilds: z
          .array(rebuildSchema)
          .meta(field("Members that were rebuilt within the last six hours; the newest last.", [], { maxItems: 15 }))
          .optional(),
      })
      .meta(field("The members of the database."))
      .optional(),
    backup: backupStatusSchema.optional(),
    modes: modesStatusSchema.optional(),
    queue: queueSchema.optional(),
    auth: z
      .object({
        warnings: z
          .array(authWarningSchema)
          .meta(field("What cannot be fetched.", [], { maxItems: 2, ...keyedBy("document") })),
      })
      .meta(field("Trouble of auth; absent when there is none."))
      .optional(),
    components: z
      .array(
        z
          .object({
            name: text("The component: api, web, …", 63),
            ready: count("Pods that are ready."),
            desired: count("Pods wanted now, by the spec or by autoscaling."),
            image: text("The image that its Deployment runs.", 500),
          })
          .meta(field("One component.")),
      )
      .meta(field("The pods of each component.", [], { maxItems: 8, ...keyedBy("name") }))
      .optional(),
    gateway: z
      .object({ url: text("URL at which the platform is reached.", 512) })
      .meta(field("How the platform is reached."))
      .optional(),
  })
  .meta(field("What the operator has seen and done. Written by it alone."));

/** A StemHub's status. */
export type StemHubStatus = z.output<typeof statusSchema>;
