import { expect, test } from "vitest";
import { bytes, difference } from "./idle.ts";

test.each([
  ["81920Ki", 83_886_080],
  ["80Mi", 83_886_080],
  ["1024", 1024],
])("%s is %d bytes", (quantity, expected) => {
  expect(bytes(quantity)).toBe(expected);
});

test("a unit that nobody knows is an error, not a wrong figure", () => {
  expect(() => bytes("1.5Gi")).toThrow("no memory quantity");
});

test("requests are what was added, and a method without any is told as zero", () => {
  const before = new Map([
    ["GET", 10],
    ["PATCH", 2],
  ]);
  const after = new Map([
    ["GET", 12],
    ["PATCH", 2],
    ["POST", 1],
  ]);
  expect(difference(before, after)).toEqual(
    new Map([
      ["GET", 2],
      ["PATCH", 0],
      ["POST", 1],
    ]),
  );
});
