import { z } from "zod";

/** A node of JSON Schema, as zod writes it. */
type Node = Record<string, unknown>;

/** Keys that a structural schema may carry, besides those treated below. Anything else is refused by name. */
const plainKeys = new Set([
  "type",
  "description",
  "default",
  "enum",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "maxProperties",
  "required",
  "x-kubernetes-validations",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-int-or-string",
]);

/** Bounds that zod gives every integer, which say nothing to a reader. */
const unbounded = new Set<unknown>([Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);

/**
 * zod's schema as a structural OpenAPI v3 schema, which is what a CRD takes: the input side, before defaults.
 *
 * @throws Error with the path and the construct when something cannot be said ($ref, a typed anyOf, an exclusive
 *   bound, additionalProperties beside properties), or when a field lacks what every field of ours has: a description,
 *   and a bound on each list, map and text, without which the API server refuses CEL rules for their cost.
 */
export function structuralSchema(schema: z.ZodType, path: string): Node {
  const json = z.toJSONSchema(schema, { io: "input", reused: "inline", cycles: "throw", unrepresentable: "throw" });
  const { $schema: _, ...root } = json as Node;
  return convert(root, path);
}

function convert(node: Node, path: string): Node {
  const out: Node = {};
  const intOrString = node["x-kubernetes-int-or-string"] === true;
  for (const [key, value] of Object.entries(node)) {
    if (intOrString && (key === "anyOf" || key === "type")) continue;
    if (plainKeys.has(key)) {
      if ((key === "minimum" || key === "maximum") && unbounded.has(value)) continue;
      out[key] = value;
      continue;
    }
    switch (key) {
      case "properties":
        out[key] = Object.fromEntries(
          Object.entries(value as Record<string, Node>).map(([name, child]) => [
            name,
            convert(child, `${path}.${name}`),
          ]),
        );
        break;
      case "items":
        out[key] = convert(value as Node, `${path}[]`);
        break;
      case "additionalProperties":
        if (value === false) break;
        if (node.properties) throw new Error(`${path}: additionalProperties beside properties cannot be said in a CRD`);
        out[key] = convert(value as Node, `${path}{}`);
        break;
      case "propertyNames":
        if (Object.keys(value as Node).some((k) => k !== "type"))
          throw new Error(`${path}: a rule on a map's keys needs CEL`);
        break;
      default:
        throw new Error(`${path}: ${key} cannot be said in a CRD`);
    }
  }
  integers(out);
  demand(out, path);
  return out;
}

/** JSON Schema's literal numbers are "number"; ours are whole. */
function integers(node: Node): void {
  const values = node.enum;
  if (node.type === "number" && Array.isArray(values) && values.every(Number.isInteger)) node.type = "integer";
}

function demand(node: Node, path: string): void {
  const need = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`${path}: ${what} is missing`);
  };
  const isMapValue = path.endsWith("{}") || path.endsWith("[]");
  need(isMapValue || typeof node.description === "string", "description");
  need(node.type !== undefined || node["x-kubernetes-int-or-string"] === true, "type");
  if (node.type === "array") need(node.maxItems !== undefined, "maxItems");
  if (node.type === "string") need(node.maxLength !== undefined || node.enum !== undefined, "maxLength");
  if (node.additionalProperties) need(node.maxProperties !== undefined, "maxProperties");
}
