import { createHash } from "node:crypto";
import { z } from "zod";

/** Claims of a verified token: who wrote, and what else the gateway vouches for. Never the token itself. */
export const claimsSchema = z.looseObject({
  iss: z.string().min(1).max(512),
  sub: z.string().min(1).max(512),
  jti: z.string().max(512).optional(),
  /** Unix s. */
  iat: z.number().optional(),
});

export type Claims = z.output<typeof claimsSchema>;

/** A write as it was accepted. It never changes; what becomes of it is its state. */
export const writeSchema = z.object({
  id: z.string(),
  key: z.string(),
  component: z.string(),
  method: z.string(),
  /** Path and query as the client sent them. */
  uri: z.string(),
  aggregate: z.string(),
  contentType: z.string().optional(),
  requestId: z.string(),
  claims: claimsSchema,
  /** SHA-256 of the body, base64url. */
  bodyHash: z.string(),
  /** What the route said when the write was accepted: may it be sent again when nobody knows whether it was applied? */
  idempotency: z.enum(["key", "none"]),
  /** ms since 1970. */
  acceptedAt: z.number(),
});

export type Write = z.output<typeof writeSchema>;

/** Why a write became a dead letter. */
export const deadReasons = [
  /** The app refused it with the status that stands beside. */
  "Refused",
  /** It was sent, no answer came, and the route does not let it be sent again. It may have been applied. */
  "OutcomeUnknown",
  /** The app failed to answer it as often as it is tried. */
  "GaveUp",
  /** It waited longer than limits.ageHours. */
  "Expired",
  /** Its author's token was revoked meanwhile. */
  "Revoked",
  /** No key of the Secret opens it. */
  "Unreadable",
] as const;

export type DeadReason = (typeof deadReasons)[number];

/** What becomes of a write. Terminal: Applied and Dropped. */
export const stateSchema = z.discriminatedUnion("name", [
  /** It waits. `failures` in a row since it was accepted or retried; not sent before `notBefore` (ms since 1970). */
  z.object({
    name: z.literal("Queued"),
    attempts: z.number(),
    failures: z.number(),
    notBefore: z.number(),
    /** An earlier attempt may have been applied. */
    uncertain: z.boolean(),
    status: z.number().optional(),
  }),
  /** Some worker sends it, or ended while it did. */
  z.object({
    name: z.literal("Sending"),
    attempts: z.number(),
    failures: z.number(),
    uncertain: z.boolean(),
    worker: z.string(),
  }),
  z.object({
    name: z.literal("DeadLetter"),
    attempts: z.number(),
    reason: z.enum(deadReasons),
    status: z.number().optional(),
    at: z.number(),
  }),
  z.object({ name: z.literal("Applied"), attempts: z.number(), status: z.number(), at: z.number() }),
  /** A person has taken it out of the dead letters. */
  z.object({ name: z.literal("Dropped"), attempts: z.number(), at: z.number() }),
]);

export type WriteState = z.output<typeof stateSchema>;

/** The state of a write that was just accepted. */
export const accepted: WriteState = { name: "Queued", attempts: 0, failures: 0, notBefore: 0, uncertain: false };

/** The id of the write with a key. One for all time, so that the same key gets the same answer from any process. */
export function writeId(key: string): string {
  return createHash("sha256").update("stemhub-write\n").update(key).digest("base64url");
}

/** SHA-256 of a body, base64url. */
export function hashOf(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("base64url");
}

/** Whether two writes with one key ask for the same. */
export function asksTheSame(a: Write, b: Write): boolean {
  return a.method === b.method && a.uri === b.uri && a.component === b.component && a.bodyHash === b.bodyHash;
}

/** Whether claims are those of a write's author. */
export function isAuthor({ claims }: Write, other: Claims): boolean {
  return claims.iss === other.iss && claims.sub === other.sub;
}

/** Whether a write still waits for its turn or its answer. */
export function isPending({ name }: WriteState): boolean {
  return name === "Queued" || name === "Sending";
}

/** Whether nothing more can become of a write. */
export function isTerminal({ name }: WriteState): boolean {
  return name === "Applied" || name === "Dropped";
}
