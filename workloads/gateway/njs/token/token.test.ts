import { describe, expect, test } from "vitest";
import { attackCases } from "../../testing/token/attack-cases.ts";
import { decideCase } from "../../testing/token/case.ts";
import { ordinaryCases } from "../../testing/token/ordinary-cases.ts";

describe("given a token, whose request is it, or why is it nobody's", () => {
  test.each(ordinaryCases)("$given: $then", async (given) => expect(await decideCase(given)).toBe(given.then));
});

describe("given a published attack, it is refused for the right reason", () => {
  test.each(attackCases)("$source: $given: $then", async (given) => expect(await decideCase(given)).toBe(given.then));
});
