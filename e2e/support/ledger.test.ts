import { expect, test } from "vitest";
import { longestGapMs, missingRows, parseLedger } from "./ledger.ts";

const log = ["starting", "ack 1 1000", "ack 2 1050", "lost server closed the connection", "ack 4 3350", ""].join("\n");

test("given a writer's log: acknowledged rows and attempts without an answer are told apart", () => {
  expect(parseLedger(log)).toEqual({
    acknowledged: [
      { id: 1, atMs: 1000 },
      { id: 2, atMs: 1050 },
      { id: 4, atMs: 3350 },
    ],
    unanswered: ["server closed the connection"],
  });
});

test("the gap is the longest silence between two acknowledgements", () => {
  expect(longestGapMs(parseLedger(log).acknowledged)).toBe(2300);
  expect(longestGapMs([])).toBe(0);
});

test("a row that was acknowledged and is not there is lost; one that was never acknowledged is not", () => {
  expect(missingRows(parseLedger(log).acknowledged, new Set([1, 4, 3]))).toEqual([2]);
});
