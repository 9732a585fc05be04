/** One row whose commit was acknowledged to the writer. */
export interface Acknowledged {
  readonly id: number;
  /** When the acknowledgement arrived, in ms of the writer's clock. */
  readonly atMs: number;
}

/** What a program that asks the database over and over was answered. */
export interface Ledger {
  readonly acknowledged: Acknowledged[];
  /** Why each of its other attempts had no answer. */
  readonly unanswered: string[];
}

/**
 * Reads what such a program printed: one line `ack ID MS` for each acknowledged row, and `lost REASON` for each attempt that
 * ended without an answer. Whether such a row is there is unknown; only acknowledged ones must never be missing.
 */
export function parseLedger(log: string): Ledger {
  const acknowledged: Acknowledged[] = [];
  const unanswered: string[] = [];
  for (const line of log.split("\n")) {
    const [word, ...rest] = line.split(" ");
    if (word === "ack") acknowledged.push({ id: Number(rest[0]), atMs: Number(rest[1]) });
    else if (word === "lost") unanswered.push(rest.join(" "));
  }
  return { acknowledged, unanswered };
}

/** The longest time between two acknowledgements in a row, in ms: the write gap that an app would have felt. */
export function longestGapMs(acknowledged: readonly Acknowledged[]): number {
  let longest = 0;
  for (const [index, { atMs }] of acknowledged.entries()) {
    const before = acknowledged[index - 1];
    if (before) longest = Math.max(longest, atMs - before.atMs);
  }
  return longest;
}

/** Acknowledged rows that the database does not have: must be empty. */
export function missingRows(acknowledged: readonly Acknowledged[], rows: ReadonlySet<number>): number[] {
  return acknowledged.map(({ id }) => id).filter((id) => !rows.has(id));
}
