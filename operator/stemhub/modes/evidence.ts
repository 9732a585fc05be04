/** What is asked, each thing that can fail apart from the others. */
export const questions = [
  "primary",
  "writes",
  "reads",
  "storageReads",
  "storageWrites",
  "collaboration",
  "dawParsing",
  "auth",
] as const;

/** One of them. */
export type Question = (typeof questions)[number];

/** What is known of the answer to one question. Durations are measured by a monotonic clock. Units: ms. */
export type Evidence =
  /** Nobody has asked yet, or nobody could: what was said before stands. */
  | { readonly state: "unknown" }
  | { readonly state: "ok"; readonly forMs: number }
  | {
      readonly state: "failing";
      /** In a row. */
      readonly failures: number;
      /** Since the first of them; of writes, since the last one that was answered. */
      readonly forMs: number;
      /** What was seen, for those who run it. */
      readonly detail: string;
    };

/** What a probe has found out about one question. */
export interface Answer {
  readonly question: Question;
  /** Undefined: it went well. */
  readonly trouble: string | undefined;
  /** There was no answer at all, so that it may be the operator that is cut off. */
  readonly silent?: boolean;
  /** Of reads: they were answered by a replica. */
  readonly replica?: boolean;
}

/** What is kept of the answers to one question. */
export interface Record {
  readonly failures: number;
  /** When the present run of successes or failures began. */
  readonly sinceMs: number;
  readonly last: Answer;
  /** When that came. */
  readonly lastMs: number;
}

/** The record after one more answer. */
export function recorded(former: Record | undefined, answer: Answer, nowMs: number): Record {
  const failed = answer.trouble !== undefined;
  const same = former !== undefined && (former.last.trouble !== undefined) === failed;
  return {
    failures: failed ? (former?.failures ?? 0) + 1 : 0,
    sinceMs: same ? former.sinceMs : nowMs,
    last: answer,
    lastMs: nowMs,
  };
}

/** A record as evidence at a moment. */
export function evidenceOf(record: Record | undefined, nowMs: number): Evidence {
  if (!record) return { state: "unknown" };
  const { failures, sinceMs, last } = record;
  const forMs = nowMs - sinceMs;
  return last.trouble === undefined
    ? { state: "ok", forMs }
    : { state: "failing", failures, forMs, detail: last.trouble };
}
