import { expect, test } from "vitest";
import { parsePatientReads, patience, readsFailed } from "./patient-reads.ts";

test("given a reader's log: requests that were answered in time and those that were not are told apart", () => {
  expect(parsePatientReads("starting\nok 1000\nfailed 1010 no answer in time\n\n")).toEqual([
    { dueMs: 1_000, failed: undefined },
    { dueMs: 1_010, failed: "no answer in time" },
  ]);
});

test("only what was due in the time that is asked for counts", () => {
  const reads = Array.from({ length: 300 }, (_, index) => ({
    dueMs: 10_000 + index * (1_000 / patience.perSecond),
    failed: index % 100 === 0 ? "refused" : undefined,
  }));
  expect(readsFailed(reads, 11_000, 1_000)).toEqual({ failed: 1, of: 100 });
});

test("a reader that was not there is an error, not a zero", () => {
  expect(() => readsFailed([], 0, 60_000)).toThrow("0 of 6000 requests");
});
