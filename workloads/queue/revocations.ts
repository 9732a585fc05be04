import { z } from "zod";
import type { Claims } from "./write.ts";

/** The last known revocations, as the ConfigMap NAME-mode holds them. */
export const revocationsSchema = z.object({
  tokens: z.array(z.string()).default([]),
  /** sub → tokens issued before that moment (Unix s) are revoked. */
  subjects: z.record(z.string(), z.number()).default({}),
});

export type Revocations = z.output<typeof revocationsSchema>;

/** Where nobody has published any. */
export const noRevocations: Revocations = { tokens: [], subjects: {} };

/** Whether a token is revoked by its id, or by its subject. One that does not say when it was issued counts as old. */
export function isRevoked({ tokens, subjects }: Revocations, { jti, sub, iat }: Claims): boolean {
  if (jti !== undefined && tokens.includes(jti)) return true;
  const before = Object.hasOwn(subjects, sub) ? subjects[sub] : undefined;
  return before !== undefined && (iat ?? 0) < before;
}
