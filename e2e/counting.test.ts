import { expect, test } from "vitest";
import { closingLine, countPytest, countVitest, total } from "./counting.ts";

const passed = { status: "passed" };
const failed = { status: "failed" };

test.each([
  {
    given: "two files that ran",
    report: {
      numPassedTests: 3,
      numFailedTests: 1,
      testResults: [file("passed", passed, passed), file("failed", passed, failed)],
    },
    expected: { passed: 3, failed: 1 },
  },
  {
    given: "a file that could not be imported",
    report: { numPassedTests: 2, numFailedTests: 0, testResults: [file("passed", passed, passed), file("failed")] },
    expected: { passed: 2, failed: 1 },
  },
  {
    given: "a file whose closing hook threw",
    report: { numPassedTests: 1, numFailedTests: 0, testResults: [file("failed", passed)] },
    expected: { passed: 1, failed: 1 },
  },
])("given $given, when Vitest's report is counted, then nothing is missed", ({ report, expected }) => {
  expect(countVitest(JSON.stringify(report))).toEqual(expected);
});

test.each([
  ["==== 21 passed in 3.20s ====", { passed: 21, failed: 0 }],
  ["FAILED test_a.py\n= 2 failed, 19 passed, 1 warning in 61.02s (0:01:01) =", { passed: 19, failed: 2 }],
  ["1 passed, 2 errors in 0.10s\n", { passed: 1, failed: 2 }],
])("pytest's closing line %j is read", (output, count) => {
  expect(countPytest(output)).toEqual(count);
});

test("a pytest that was killed has no count", () => {
  expect(() => countPytest("collecting ...")).toThrow("closing line");
});

test("the closing line is the sum of all", () => {
  expect(
    closingLine(
      total([
        { passed: 3, failed: 1 },
        { passed: 4, failed: 0 },
      ]),
    ),
  ).toBe("7 passed, 1 failed");
});

function file(status: string, ...assertionResults: { status: string }[]) {
  return { status, assertionResults };
}
