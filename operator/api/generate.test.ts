import { expect, test } from "vitest";
import { staleFiles } from "./generate.ts";

test("given the schemas, then every generated file is what they say; if not: npm run generate", async () => {
  expect(await staleFiles()).toEqual([]);
});
