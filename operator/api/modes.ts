import { z } from "zod";
import { capabilityNames, platformModes } from "./mode-document.ts";
import { field, keyedBy, matching, objectName } from "./primitives.ts";

/** What users read by default while a capability does not work. Word for word: web and plugin are tested against them. */
export const defaultMessages = {
  database: "Your work is safe. Changes are paused and will be possible again shortly",
  storage: "Working offline - changes will sync when reconnected",
  collaboration: "Live collaboration is paused - your own work is saved as usual",
  dawParsing: "Advanced features temporarily unavailable",
  auth: "Signing in is not possible right now - if you are signed in, you can keep working",
} as const;

const message = (capability: keyof typeof defaultMessages) =>
  z
    .string()
    .min(1)
    .max(300)
    .default(defaultMessages[capability])
    .meta(field(`What users read while ${capability} does not work as it should.`));

/** How one capability is asked. While it is in doubt it is asked each second, whatever its period. */
const timing = (periodSeconds: number) => ({
  periodSeconds: z
    .int()
    .min(1)
    .max(300)
    .default(periodSeconds)
    .meta(field("Seconds between two questions while all is well. After a failure the next one comes a second later.")),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(30)
    .default(2)
    .meta(field("Seconds within which an answer must be whole; a later one counts as a failure.")),
  failures: z.int().min(1).max(20).default(3).meta(field("So many failures in a row change the mode.")),
});

const path = z
  .string()
  .min(1)
  .max(256)
  .meta(
    field("Path that is asked for by GET; an answer of 200 to 399 is a success.", [
      matching(
        "^/[A-Za-z0-9._~/?&=%:@!,;+-]*$",
        "a probe's path must begin with / and hold no space: write it like /readyz",
      ),
    ]),
  );

const httpProbe = (what: string, fallback: string) =>
  z
    .object({
      path: path
        .optional()
        .describe(`Path that is asked for by GET; ${fallback} where absent. 200 to 399 is a success.`),
      ...timing(5),
    })
    .prefault({})
    .meta(field(what));

/** A moment as RFC 3339 has it, so strictly that a day that no month has is refused. */
const moment =
  "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-9]))T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

const overrideSchema = z
  .object({
    mode: z
      .enum(platformModes)
      .meta(
        field(
          "Mode of the whole, whatever the probes say. ReadOnly: no writes, and PostgreSQL is told so too. Degraded: storage takes no uploads, and collaboration and dawParsing are off. Unavailable: nothing of the database. Normal: everything is let through.",
        ),
      ),
    reason: z.string().min(1).max(300).meta(field("Why, for whoever finds it set.")),
    expires: z
      .string()
      .min(1)
      .max(32)
      .meta(
        field("When it ends by itself, as RFC 3339. One that has passed has no effect.", [
          matching(
            moment,
            "modes.override.expires must be a moment as in RFC 3339, with its time zone: write it like 2026-11-25T18:00:00Z",
          ),
        ]),
      ),
  })
  .meta(field("A mode set by hand, for a time. Remove it, or let it expire, to go by the probes again."));

/** When the platform's mode changes, and what users read then. */
export const modesSchema = z
  .object({
    probes: z
      .object({
        storage: z
          .object(timing(10))
          .prefault({})
          .meta(field("Storage: a small object is put where there is none, read and deleted.")),
        collaboration: httpProbe("Collaboration, where there is that component.", "its readiness probe's"),
        auth: httpProbe("Auth, where there is that component.", "its readiness probe's"),
        dawParsing: httpProbe("DAW parsing, where spec.dawParsing names it.", "/readyz"),
      })
      .prefault({})
      .meta(field("How the capabilities beside the database are asked; that one is asked each second.")),
    dwellSeconds: z
      .int()
      .min(0)
      .max(300)
      .default(15)
      .meta(
        field(
          "Seconds for which a capability must do well before its mode is better again. Only for one that failed, came back and failed again within two minutes: the first time it returns at once.",
        ),
      ),
    messages: z
      .object({
        database: message("database"),
        storage: message("storage"),
        collaboration: message("collaboration"),
        dawParsing: message("dawParsing"),
        auth: message("auth"),
      })
      .prefault({})
      .meta(field("Sentences for users, one a capability.")),
    override: overrideSchema.optional(),
  })
  .meta(field("When the platform's mode changes, what users read then, and a mode set by hand."));

/** The same, defaults filled in. */
export type Modes = z.output<typeof modesSchema>;

/** A service outside of the platform that reads DAW projects. */
export const dawParsingSchema = z
  .object({
    url: z
      .string()
      .min(1)
      .max(512)
      .meta(
        field("URL of the service, without a path; it is watched, and its mode told.", [
          matching(
            "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$",
            "dawParsing.url must be a URL without a path: write it like https://dawparser.example.com",
          ),
        ]),
      ),
    caConfigMap: z
      .object({ name: objectName("Name of the ConfigMap, in this namespace.") })
      .meta(field("ConfigMap with the key ca.crt, where the service's certificate is not from a public authority."))
      .optional(),
  })
  .meta(field("The service that reads DAW projects, where there is one."));

const text = (what: string, max: number) => z.string().max(max).meta(field(what));

const flipSchema = z
  .object({
    capability: z.enum(capabilityNames).meta(field("What changed its mode.")),
    from: text("Its former mode.", 32),
    to: text("Its mode since.", 32),
    reason: text("Why, in one word for machines.", 128),
    at: text("When, as RFC 3339.", 32),
    epoch: z.int().min(1).meta(field("The epoch that began with it.")),
  })
  .meta(field("One change of a mode."));

/** One change of a mode. */
export type Flip = z.output<typeof flipSchema>;

/** So many flips are remembered. */
export const mostFlips = 20;

/** What works now, as the status tells it. */
export const modesStatusSchema = z
  .object({
    mode: z.enum(platformModes).meta(field("Mode of the whole: what fails most.")),
    epoch: z.int().min(1).meta(field("Rises by one with every flip.")),
    message: text("What users read; empty when all is Normal.", 1024),
    summary: text("What is not Normal, for people: database ReadOnly (PrimaryLost).", 512),
    capabilities: z
      .array(
        z
          .object({
            name: z.enum(capabilityNames).meta(field("The capability.")),
            mode: text("Its mode.", 32),
            reason: text("Why, in one word for machines.", 128),
            detail: text("What was seen, for those who run it.", 1024).optional(),
            since: text("Since when it has this mode, as RFC 3339.", 32),
          })
          .meta(field("One capability.")),
      )
      .meta(field("Each capability's mode.", [], { maxItems: 8, ...keyedBy("name") })),
    override: z
      .object({
        mode: z.enum(platformModes).meta(field("The mode that was set.")),
        expires: text("When it ends.", 32),
      })
      .meta(field("The override that is in force."))
      .optional(),
    flips: z
      .array(flipSchema)
      .meta(field("The last 20 changes, the newest last.", [], { maxItems: mostFlips }))
      .optional(),
  })
  .meta(field("What works now; the same as the ConfigMap NAME-mode tells gateway and clients."));

/** What works now, as the status tells it. */
export type ModesStatus = z.output<typeof modesStatusSchema>;
