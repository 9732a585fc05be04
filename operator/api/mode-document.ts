import { z } from "zod";

/** What a StemHub can do, each of which can fail apart from the others. */
export const capabilityNames = ["database", "storage", "collaboration", "dawParsing", "auth"] as const;

/** One of them. */
export type Capability = (typeof capabilityNames)[number];

/**
 * Modes of the database. ReadOnly: reads are answered, writes are not taken. Draining: it takes writes again, and those that
 * were queued go first. Unavailable: not even reads.
 */
export const databaseModes = ["Normal", "ReadOnly", "Draining", "Unavailable"] as const;

/** Modes of every other capability. Degraded: a part of it works, of storage the reads. */
export const capabilityModes = ["Normal", "Degraded", "Unavailable"] as const;

/** Modes of the whole: Unavailable when the database cannot be read, else ReadOnly, Degraded, Normal. */
export const platformModes = ["Normal", "Degraded", "ReadOnly", "Unavailable"] as const;

export type DatabaseMode = (typeof databaseModes)[number];
export type CapabilityMode = (typeof capabilityModes)[number];
export type PlatformMode = (typeof platformModes)[number];

const time = z.string().max(32).describe("RFC 3339, in UTC.");

const stateOf = <const T extends readonly string[]>(modes: T) =>
  z.object({
    mode: z.enum(modes),
    /** In one word for machines: Healthy, PrimaryLost, WriteUnanswered, ProbeFailed, Override. */
    reason: z.string().max(128),
    /** For the platform's users, in plain words: what does not work now and what becomes of their work. Empty when Normal. */
    message: z.string().max(1024),
    /** Since when it has this mode. */
    since: time,
    /** The document's epoch at which it took this mode. */
    epoch: z.int().min(1),
  });

/**
 * What works now: the contract between operator, gateway, queue, web and plugin. The operator writes it into the ConfigMap
 * NAME-mode under the key `mode.json`, the gateway serves it at /.well-known/stemhub/mode. Readers must ignore fields that
 * they do not know. An older epoch than one that was seen is stale.
 */
export const modeDocumentSchema = z.object({
  stemhub: z.string(),
  /** Rises by one with every flip, and never falls for a StemHub's name. */
  epoch: z.int().min(1),
  mode: z.enum(platformModes),
  /** Since when the whole has this mode. */
  since: time,
  /** For users: the sentence of what fails most. Empty when Normal. */
  message: z.string().max(1024),
  capabilities: z.object({
    database: stateOf(databaseModes),
    storage: stateOf(capabilityModes),
    collaboration: stateOf(capabilityModes),
    dawParsing: stateOf(capabilityModes),
    auth: stateOf(capabilityModes),
  }),
  /** Somebody has set the mode by hand: spec.modes.override. */
  override: z.object({ mode: z.string(), reason: z.string(), expires: time }).optional(),
});

/** What works now. */
export type ModeDocument = z.output<typeof modeDocumentSchema>;

/** Keys of the ConfigMap NAME-mode. Beside the mode, what a gateway must know while the auth service is away. */
export const modeKeys = {
  mode: "mode.json",
  /** The last good key set (RFC 7517), with the moment at which it was fetched: {"fetched": RFC 3339, "keys": […]}. */
  keys: "jwks.json",
  /** The last known revocations: {"fetched": RFC 3339, "tokens": [jti, …], "subjects": {sub: revoked before, Unix s}}. */
  revocations: "revocations.json",
} as const;
