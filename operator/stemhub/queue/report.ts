import type { QueueSummary } from "../../api/queue-configuration.ts";
import type { QueueStatus } from "../../api/status.ts";
import type { StemHub } from "../../api/stemhub.ts";
import type { EventDetails } from "../../runtime/events.ts";
import { childNames } from "../names.ts";

/** How often a number that only moves is written: a queue that drains changes it each second. */
const movedPeriodMs = 30_000;
/** The age of the oldest write comes in whole seconds, so its moment seems to move by as much. */
const samenessMs = 2_000;

/**
 * What the status is to say of the write queue: what it said now, or the former report where it did not answer, or where
 * nothing has changed that is worth a write. Dead letters that come or go, the first write and the last one are told at
 * once; what only grows or shrinks every half minute.
 */
export function queueStatus(
  former: QueueStatus | undefined,
  summary: QueueSummary | undefined,
  now: number,
): QueueStatus | undefined {
  if (!summary) return former;
  const { queued: pending, deadLetters, oldestSeconds } = summary;
  const oldestMs = now - oldestSeconds * 1_000;
  const asOf = new Date(now).toISOString();
  const next: QueueStatus = {
    pending,
    deadLetters,
    ...(pending > 0 ? { oldest: new Date(oldestMs).toISOString() } : {}),
    asOf,
  };
  if (!former || former.deadLetters !== deadLetters || former.pending > 0 !== pending > 0) return next;
  const sameOldest = pending === 0 || Math.abs(Date.parse(former.oldest ?? asOf) - oldestMs) <= samenessMs;
  if (former.pending === pending && sameOldest) return former;
  return Math.abs(now - Date.parse(former.asOf)) < movedPeriodMs ? former : next;
}

/** One event when there are more dead letters than before: what to do about them. */
export function deadLetterEvents(
  { metadata: { name, namespace } }: StemHub,
  before: QueueStatus | undefined,
  after: QueueStatus | undefined,
): EventDetails[] {
  const [had, has] = [before?.deadLetters ?? 0, after?.deadLetters ?? 0];
  if (has <= had) return [];
  const command = `kubectl -n ${namespace} exec deploy/${childNames(name).queue} -- node main.ts dead-letters`;
  return [
    {
      type: "Warning",
      reason: "DeadLetters",
      note:
        `${has - had} queued ${has - had === 1 ? "write was" : "writes were"} not applied, ${has} in all wait for a ` +
        `person. List them: ${command} list. Then, by their ids: ${command} retry ID..., or for good: ${command} drop ID...`,
    },
  ];
}
