import { z } from "zod";
import { field, keyedBy } from "./primitives.ts";

const text = (what: string, max = 1024) => z.string().max(max).meta(field(what));
const count = (what: string) => z.int().min(0).meta(field(what));

const conditionSchema = z
  .object({
    type: text("What it is about.", 64),
    status: z.enum(["True", "False", "Unknown"]).meta(field("Whether it holds.")),
    reason: text("One word for machines.", 128),
    message: text("A sentence for people: what, where, and the next step.", 8192),
    observedGeneration: count("The generation of the spec that it speaks of."),
    lastTransitionTime: text("When its status last changed, RFC 3339.", 32),
  })
  .meta(field("One condition."));

/** One condition of a status. */
export type Condition = z.output<typeof conditionSchema>;

/** What the operator reports. */
export const statusSchema = z
  .object({
    observedGeneration: count("The generation of the spec that the status speaks of.").optional(),
    conditions: z
      .array(conditionSchema)
      .meta(
        field(
          "Ready; Reconciling and Stalled while true; DatabaseAvailable, DatabaseRedundant, AppAvailable, ReleaseProgressing.",
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
            job: text("Name of the Job.", 253),
            phase: z.enum(["Pending", "Running", "Succeeded", "Failed"]).meta(field("How far it is.")),
            message: text("What happened, in a sentence.", 4096).optional(),
            logTail: text("The last lines of a failed migration's log.", 4096).optional(),
          })
          .meta(field("The migration of the release."))
          .optional(),
      })
      .meta(field("The release."))
      .optional(),
    database: z
      .object({
        primary: text("The pod that is primary.", 253).optional(),
        instances: count("Members wanted."),
        ready: count("Members that are ready."),
        inSync: count("Members that hold every acknowledged write."),
        summary: text("For people: 3/3 in sync.", 64),
      })
      .meta(field("The database."))
      .optional(),
    components: z
      .array(
        z
          .object({
            name: text("The component.", 63),
            ready: count("Pods that are ready."),
            desired: count("Pods wanted."),
            image: text("The image that runs.", 500),
          })
          .meta(field("One component.")),
      )
      .meta(field("The components.", [], { maxItems: 8, ...keyedBy("name") }))
      .optional(),
    gateway: z
      .object({ url: text("Where the platform is reached.", 512) })
      .meta(field("The gateway."))
      .optional(),
  })
  .meta(field("What the operator has seen and done. Written by it alone."));

/** A StemHub's status. */
export type StemHubStatus = z.output<typeof statusSchema>;
