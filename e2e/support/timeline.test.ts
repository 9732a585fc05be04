import { expect, test } from "vitest";
import { Firsts } from "./timeline.ts";

test("only the first time counts", () => {
  const firsts = new Firsts();
  firsts.saw("Ready", 1_500);
  firsts.saw("Ready", 9_000);
  expect(firsts.after(1_000, "Ready")).toBe(500);
});

test("what was never seen has no time", () => {
  expect(() => new Firsts().after(0, "Ready")).toThrow("Ready was never seen");
});

test("who waits is told when it is seen, or when the deadline has passed", async () => {
  const firsts = new Firsts();
  const reached = firsts.reached("Ready", 1_000);
  firsts.saw("Ready", 1);
  await expect(reached).resolves.toBeUndefined();
  await expect(firsts.reached("Redundant", 10)).rejects.toThrow("not seen after");
});
