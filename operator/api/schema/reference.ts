import type { CelRule } from "../primitives.ts";
import type { KindDefinition } from "./define-kind.ts";

/** A node of the structural schema. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly CelRule[];
}

/** A field with its place in the page. `name` is relative to the section. */
interface Row {
  readonly name: string;
  readonly node: Node;
  readonly required: boolean;
}

/**
 * The reference page of a kind: a section for each part of the spec, with every field, its type, bounds, default, words
 * and rules, in the order of the schema. Parts of one shape (the components) are told once.
 */
export function referencePage(definition: KindDefinition): string {
  const crd = definition.crd as {
    spec: { versions: { schema: { openAPIV3Schema: Node } }[] };
  };
  const root = crd.spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const { spec = {}, status = {} } = root.properties ?? {};
  return `<!-- Generated from operator/api by \`npm run generate\`. Do not edit. -->
# ${definition.kind}

${definition.description}

API version \`${definition.group}/${definition.version}\`, short name \`${definition.shortNames.join("`, `")}\`. Fields
without a default are optional unless marked **required**. What a rule here refuses, the API server refuses: an invalid object
never comes as far as the operator. The same words are in \`kubectl explain ${definition.kind.toLowerCase()}.spec\`.
${rulesOf(definition.rules ?? [])}
## spec

${spec.description ?? ""}
${rulesOf(spec["x-kubernetes-validations"] ?? [])}
${sections(spec, "spec")}
## status

${status.description ?? ""}

${table(rowsBelow(status, ""))}`;
}

/** A section for each object right below `node`, and one table of the plain fields before them. */
function sections(node: Node, path: string): string {
  const children = childrenOf(node);
  const plain = children.filter(({ node: child }) => !child.properties);
  const deep = children.filter(({ node: child }) => child.properties);
  return [
    ...(plain.length > 0 ? [table(plain)] : []),
    ...deep.map((child) => {
      const title = `### ${path}.${child.name}`;
      const usual = child.node.default === undefined ? "Optional." : `Default: ${defaultOf(child.node)}.`;
      const words = [child.node.description, child.required ? "**Required.**" : usual];
      const rules = rulesOf(child.node["x-kubernetes-validations"] ?? []);
      return `${title}\n\n${words.join(" ")}\n${rules}\n${table(rowsBelow(child.node, ""))}`;
    }),
  ].join("\n");
}

function table(rows: readonly Row[]): string {
  const head = "| field | type | default | what |\n| --- | --- | --- | --- |\n";
  return `${head}${rows.map(line).join("\n")}\n`;
}

function line({ name, node, required }: Row): string {
  const rules = (node["x-kubernetes-validations"] ?? []).map(({ message }) => `<br>• ${message}`);
  const cells = [
    `\`${name}\``,
    typeOf(node),
    required ? "**required**" : defaultOf(node),
    `${node.description}${rules.join("")}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** All fields below a node, each after its parent. */
function rowsBelow(node: Node, prefix: string): Row[] {
  return childrenOf(node).flatMap((child) => {
    const name = prefix + child.name;
    const { items } = child.node;
    const below = items?.properties ? rowsBelow(items, `${name}[].`) : rowsBelow(child.node, `${name}.`);
    const rules = items?.["x-kubernetes-validations"] ?? [];
    // What holds for each item is said with the list.
    const own = {
      ...child.node,
      "x-kubernetes-validations": [...(child.node["x-kubernetes-validations"] ?? []), ...rules],
    };
    return [{ ...child, name, node: own }, ...below];
  });
}

/** Fields of one shape from this number on are called * together: a list of their names would fill each row. */
const manyNames = 3;

/** The fields right below a node. Those that differ in their words alone become one: `{requests,limits}`, or `*`. */
function childrenOf(node: Node): Row[] {
  const required = new Set(node.required ?? []);
  const children = Object.values(node.properties ?? {});
  const allAlike = children.length >= manyNames && new Set(children.map(shapeOf)).size === 1;
  const byShape = new Map<string, [string, Node][]>();
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    // Plain fields of one type are still different things, unless nothing but them is there, as in release.images.
    const shape = `${required.has(name)} ${allAlike || child.properties ? shapeOf(child) : name}`;
    byShape.set(shape, [...(byShape.get(shape) ?? []), [name, child]]);
  }
  return [...byShape.values()].flatMap((alike) => {
    const [first] = alike;
    if (!first) return [];
    const [name, child] = first;
    if (alike.length === 1) return [{ name, node: child, required: required.has(name) }];
    const names = alike.map(([one]) => one);
    const description = alike.map(([one, { description: words }]) => `\`${one}\`: ${words}`).join("<br>");
    return [
      {
        name: alike.length < manyNames ? `{${names.join(",")}}` : "*",
        node: { ...child, description },
        required: required.has(name),
      },
    ];
  });
}

/** What a node is but for its words. */
function shapeOf({ description: _, ...node }: Node): string {
  return JSON.stringify(node);
}

function typeOf(node: Node): string {
  if (node["x-kubernetes-int-or-string"]) return "quantity";
  if (node.enum) return node.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  if (node.items) {
    const keys = node["x-kubernetes-list-map-keys"];
    const item = node.items.properties ? "objects" : `${node.items.type}s`;
    return `list of ${item}${keys ? ` by ${keys.join(", ")}` : ""}${between(node.minItems, node.maxItems)}`;
  }
  if (node.additionalProperties)
    return `map of ${node.additionalProperties.type}s${between(undefined, node.maxProperties)}`;
  if (node.type === "string") return `string${between(node.minLength, node.maxLength)}`;
  return `${node.type}${between(node.minimum, node.maximum)}`;
}

/** Bounds: of a number its value, of a text its length, of a list or map its size. */
function between(min: number | undefined, max: number | undefined): string {
  if (max === undefined) return min === undefined ? "" : `, at least ${min}`;
  return min === undefined ? `, at most ${max}` : `, ${min} to ${max}`;
}

function defaultOf(node: Node): string {
  return node.default === undefined ? "" : `\`${JSON.stringify(node.default)}\``;
}

function rulesOf(rules: readonly CelRule[]): string {
  return rules.length === 0 ? "" : `\n${rules.map(({ message }) => `- ${message}`).join("\n")}\n`;
}
