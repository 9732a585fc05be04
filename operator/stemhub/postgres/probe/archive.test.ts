import { describe, expect, test } from "vitest";
import { readArchive } from "./archive.ts";

/** As PostgreSQL's driver hands it over: a count comes as text. */
const row = {
  mode: "on",
  failing: false,
  last: "000000010000000000000007",
  waiting: "0",
  oldest: null,
  lag: 4.2,
  report: null,
};

describe("given what a primary says of its archive, then it is read", () => {
  test("where all has arrived", () => {
    expect(readArchive([row])).toEqual({
      on: true,
      failing: false,
      lastSegment: "000000010000000000000007",
      waiting: { segments: 0, oldest: undefined },
      lagSeconds: 4.2,
      report: undefined,
    });
  });

  test("where segments wait, with the words of the failure", () => {
    const report = `{"code" : "39", "words" : "a \\"quoted\\" word", "at" : "2026-03-01T10:00:00+00:00"}`;
    const waiting = { ...row, failing: true, waiting: "3", oldest: "000000010000000000000008", lag: 90, report };
    expect(readArchive([waiting])).toMatchObject({
      failing: true,
      waiting: { segments: 3, oldest: "000000010000000000000008" },
      report: { code: "39", words: 'a "quoted" word' },
    });
  });

  test.each(["what the operator asks", "{}", '{"code": 39}', "{broken"])("and a comment %j is no report", (report) => {
    expect(readArchive([{ ...row, report }]).report).toBeUndefined();
  });

  test("and a clock of the volume that is ahead makes no negative lag", () => {
    expect(readArchive([{ ...row, lag: -3 }]).lagSeconds).toBe(0);
  });

  test("and what is no answer is an error", () => {
    expect(() => readArchive([])).toThrow("no account of the archive");
  });
});
