import { createHash } from "node:crypto";

/** Twelve hex digits of a text's SHA-256: an annotation that changes when, and only when, the content does. */
export function contentHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
