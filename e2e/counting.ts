/** How many tests of a runner passed and failed. A test that was skipped counts as neither: the house has none. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** The part of Vitest's JSON report that is read. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts a Vitest JSON report. A file that failed without a failed test in it (it could not be imported, or a hook
 * threw) is one failure: else a suite that never ran would count as clean.
 */
export function countVitest(report: string): Count {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(report) as VitestReport;
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  );
  return { passed: numPassedTests, failed: numFailedTests + broken.length };
}

/**
 * Counts pytest by its closing line, as `= 21 passed, 1 failed, 2 errors in 3.20s =`. Errors of fixtures are failures.
 * Errors: Error when the output has no closing line, since then nothing is known.
 */
export function countPytest(output: string): Count {
  const closing = output
    .split("\n")
    .reverse()
    .find((line) => / in [\d.]+s/.test(line) && /\d+ (passed|failed|error)/.test(line));
  if (!closing) throw new Error("pytest ended without its closing line");
  const of = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(closing)?.[1] ?? 0);
  return { passed: of("passed"), failed: of("failed") + of("error") };
}

/** The sum of all runners, and the line that a run of all tests ends with. */
export function total(counts: readonly Count[]): Count {
  return counts.reduce((sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }), {
    passed: 0,
    failed: 0,
  });
}

/** `12 passed, 0 failed`. */
export function closingLine({ passed, failed }: Count): string {
  return `${passed} passed, ${failed} failed`;
}
