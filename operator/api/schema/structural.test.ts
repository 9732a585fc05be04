import { describe, expect, test } from "vitest";
import { z } from "zod";
import { structuralSchema } from "./structural.ts";

const text = (max = 10) => z.string().max(max).meta({ description: "d" });
const object = (shape: Record<string, z.ZodType>) => z.object(shape).meta({ description: "d" });
const tree: z.ZodType = z
  .object({
    get child() {
      return tree.optional();
    },
  })
  .meta({ description: "d" });

describe("given a schema that a CRD can say, then it is said", () => {
  test.each<[string, z.ZodType, Record<string, unknown>]>([
    ["a bounded text", text(), { type: "string", maxLength: 10, description: "d" }],
    [
      "a whole number, without zod's own bounds",
      z.int().min(1).meta({ description: "d" }),
      { type: "integer", minimum: 1, description: "d" },
    ],
    [
      "a literal number, as integer",
      z.literal([1, 3]).meta({ description: "d" }),
      { type: "integer", enum: [1, 3], description: "d" },
    ],
    ["a default", text().default("x"), { type: "string", maxLength: 10, description: "d", default: "x" }],
    [
      "an object's default",
      object({ a: text().default("x") }).prefault({}),
      expect.objectContaining({ type: "object", default: {} }),
    ],
    [
      "a map with a bound",
      z.record(z.string(), z.string().max(3)).meta({ description: "d", maxProperties: 2 }),
      { type: "object", description: "d", maxProperties: 2, additionalProperties: { type: "string", maxLength: 3 } },
    ],
  ])("%s", (_, schema, said) => {
    expect(structuralSchema(schema, "spec")).toEqual(said);
  });

  test("a field with a default is not required, and one without is", () => {
    const schema = object({ a: text().default("x"), b: text(), c: text().optional() });
    expect(structuralSchema(schema, "spec").required).toEqual(["b"]);
  });
});

describe("given a construct that a CRD cannot say, then it is refused by path and name", () => {
  test.each<[string, z.ZodType, string]>([
    ["a typed union", object({ a: z.union([z.string(), z.int()]) }), "spec.a: anyOf"],
    [
      "a discriminated union",
      object({ a: z.discriminatedUnion("t", [z.object({ t: z.literal("x") })]) }),
      "spec.a: oneOf",
    ],
    ["an exclusive bound", object({ a: z.number().gt(0).meta({ description: "d" }) }), "spec.a: exclusiveMinimum"],
    ["null", object({ a: text().nullable() }), "spec.a: anyOf"],
    ["both of two", object({ a: z.intersection(object({ b: text() }), object({ c: text() })) }), "spec.a: allOf"],
    ["a reference", object({ a: text().meta({ id: "shared", description: "d" }) }), "spec.a: $ref"],
    ["one literal", object({ a: z.literal("x").meta({ description: "d" }) }), "spec.a: const"],
    ["a tuple", object({ a: z.tuple([z.string()]) }), "spec.a: prefixItems"],
    [
      "open keys beside fixed ones",
      object({ a: z.object({ b: text() }).catchall(text()) }),
      "spec.a: additionalProperties beside properties",
    ],
    [
      "a map with a rule on its keys",
      object({ a: z.record(z.string().regex(/^a/), text()).meta({ description: "d", maxProperties: 1 }) }),
      "spec.a: a rule on a map's keys",
    ],
    ["a field without description", object({ a: z.string().max(1) }), "spec.a: description"],
    ["a text without bound", object({ a: z.string().meta({ description: "d" }) }), "spec.a: maxLength"],
    ["a list without bound", object({ a: z.array(text()).meta({ description: "d" }) }), "spec.a: maxItems"],
    [
      "a map without bound",
      object({ a: z.record(z.string(), text()).meta({ description: "d" }) }),
      "spec.a: maxProperties",
    ],
  ])("%s", (_, schema, message) => {
    expect(() => structuralSchema(schema, "spec")).toThrow(message);
  });

  test("a schema that contains itself", () => {
    expect(() => structuralSchema(tree, "spec")).toThrow();
  });
});
