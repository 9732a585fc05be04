import { describe, expect, test } from "vitest";
import { aStemHub } from "../../testing/stemhub.ts";
import { deadLetterEvents, queueStatus } from "./report.ts";

const now = Date.parse("2026-01-15T12:00:00Z");
const summary = { queued: 7, aggregates: 3, inFlight: 1, deadLetters: 2, oldestSeconds: 40 };
const former = queueStatus(undefined, summary, now);

describe("given what was told of the queue a moment ago", () => {
  test.each([
    ["nothing has changed but the clock", 10_000, { oldestSeconds: 50 }, false],
    ["seconds were rounded the other way", 10_000, { oldestSeconds: 51 }, false],
    ["it does not answer", 10_000, undefined, false],
    ["some more wait", 29_999, { queued: 8, oldestSeconds: 70 }, false],
    ["some more wait for half a minute", 30_000, { queued: 8, oldestSeconds: 70 }, true],
    ["the oldest was applied half a minute ago", 30_000, { oldestSeconds: 9 }, true],
    ["the last one was applied", 1_000, { queued: 0, oldestSeconds: 0 }, true],
    ["another dead letter came", 1_000, { deadLetters: 3, oldestSeconds: 41 }, true],
    ["a dead letter was dropped", 1_000, { deadLetters: 1, oldestSeconds: 41 }, true],
    ["the clock was set back by an hour", -3_600_000, { queued: 8 }, true],
  ])("when %s after %i ms, then is it written: %s", (_, afterMs, change, written) => {
    const next = queueStatus(former, change && { ...summary, ...change }, now + afterMs);
    expect(next !== former).toBe(written);
  });

  test("when nothing waits any more, then no moment is told of the oldest", () => {
    expect(queueStatus(former, { ...summary, queued: 0, oldestSeconds: 0 }, now)).not.toHaveProperty("oldest");
  });
});

describe("an event tells of dead letters", () => {
  const status = (deadLetters: number) => queueStatus(undefined, { ...summary, deadLetters }, now);
  test.each([
    ["none where there are none", undefined, status(0), 0],
    ["one for the first ones, however they are found", undefined, status(2), 1],
    ["one for more of them", status(2), status(3), 1],
    ["none for as many", status(2), status(2), 0],
    ["none where they were retried or dropped", status(2), status(1), 0],
    ["none where the queue is not known", status(2), undefined, 0],
  ])("%s", (_, before, after, events) => {
    expect(deadLetterEvents(aStemHub(), before, after)).toHaveLength(events);
  });
});
