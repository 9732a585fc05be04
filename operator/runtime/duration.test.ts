import { expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

test.each([
  ["2160h", 7_776_000_000],
  ["90m", 5_400_000],
  ["1h30m", 5_400_000],
  ["4m59s", 299_000],
  ["", undefined],
  ["90", undefined],
  ["90d", undefined],
  ["30m1h", undefined],
  ["-5m", undefined],
])("given %j, then it is %s ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
