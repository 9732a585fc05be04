import { expect, test } from "vitest";
import { nextConditions, type Verdict } from "./conditions.ts";

const start = Date.parse("2026-01-15T12:00:00Z");
const ready = (status: Verdict["status"], reason = "R"): Verdict => ({ type: "Ready", status, reason, message: "m" });

test("given no conditions, when one is said, then it begins now", () => {
  expect(nextConditions([], [ready("True")], 1, start)).toEqual([
    {
      type: "Ready",
      status: "True",
      reason: "R",
      message: "m",
      observedGeneration: 1,
      lastTransitionTime: "2026-01-15T12:00:00Z",
    },
  ]);
});

test("given a condition, when only its reason changes, then its transition time stays and its generation moves", () => {
  const before = nextConditions([], [ready("False", "A")], 1, start);
  const [after] = nextConditions(before, [ready("False", "B")], 2, start + 60_000);
  expect(after).toMatchObject({ reason: "B", observedGeneration: 2, lastTransitionTime: "2026-01-15T12:00:00Z" });
});

test("given a condition, when its status changes, then its transition time is now", () => {
  const before = nextConditions([], [ready("False")], 1, start);
  expect(nextConditions(before, [ready("True")], 1, start + 60_000)[0]?.lastTransitionTime).toBe(
    "2026-01-15T12:01:00Z",
  );
});

test("given a condition that nobody says any more, then it is gone", () => {
  const stalled: Verdict = { type: "Stalled", status: "True", reason: "R", message: "m" };
  const before = nextConditions([], [ready("False"), stalled], 1, start);
  expect(nextConditions(before, [ready("True")], 1, start).map((condition) => condition.type)).toEqual(["Ready"]);
});
