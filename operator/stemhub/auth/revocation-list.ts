import { parse } from "./key-set.ts";
import { AnswerRefused } from "./refused.ts";

/** What was revoked. */
export interface RevocationList {
  /** By their jti. */
  readonly tokens: readonly string[];
  /** From before when a subject's tokens are void, in seconds since 1970. */
  readonly subjects: Readonly<Record<string, number>>;
}

/** Characters of a jti or a subject. */
const longestName = 255;

/**
 * The revocations of an answer. An empty list is a good one: what was revoked has expired.
 *
 * Errors: AnswerRefused when it is no such list. One entry that is none refuses it all, since nobody knows whom it meant.
 */
export function readRevocations(text: string): RevocationList {
  const answer = parse(text);
  if (typeof answer !== "object" || answer === null) throw new AnswerRefused("NotAList", "it is no object");
  const { tokens = [], subjects = {} } = answer as { tokens?: unknown; subjects?: unknown };
  if (!("tokens" in answer) && !("subjects" in answer)) {
    throw new AnswerRefused("NotAList", 'it has neither "tokens" nor "subjects"');
  }
  if (!Array.isArray(tokens) || !tokens.every(isName)) {
    throw new AnswerRefused("NotAList", `"tokens" is no list of texts of up to ${longestName} characters`);
  }
  if (typeof subjects !== "object" || subjects === null || !Object.entries(subjects).every(isRevocation)) {
    throw new AnswerRefused("NotAList", '"subjects" does not give a time in seconds for each');
  }
  return { tokens, subjects: subjects as Record<string, number> };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= longestName;
}

function isRevocation([subject, before]: [string, unknown]): boolean {
  return isName(subject) && typeof before === "number" && Number.isFinite(before);
}
