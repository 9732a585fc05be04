import type { KindDefinition } from "./define-kind.ts";

type Node = Record<string, unknown>;

/** The reference page of a kind: each field with its type, default, bounds and rules, in the order of the schema. */
export function referencePage(definition: KindDefinition): string {
  const crd = definition.crd as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, Node> } } }[] };
  };
  const { spec = {}, status = {} } = crd.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
  const rules = (definition.rules ?? []).map((rule) => `- ${rule.message}`).join("\n");
  return `<!-- Generated from operator/api by \`npm run generate\`. Do not edit. -->
# ${definition.kind}

${definition.description} API version \`${definition.group}/${definition.version}\`; short name \`${definition.shortNames.join("`, `")}\`.

${rules}

A field without a default is optional unless marked **required**. What a rule refuses, the API server refuses.

## spec

${table(spec, "spec")}

## status

Written by the operator alone.

${table(status, "status")}
`;
}

function table(node: Node, path: string): string {
  const head = "| field | type | default | what |\n| --- | --- | --- | --- |\n";
  return head + rows(node, path, false).join("\n");
}

function rows(node: Node, path: string, required: boolean): string[] {
  const properties = (node.properties ?? {}) as Record<string, Node>;
  const needed = new Set((node.required as string[] | undefined) ?? []);
  const below = Object.entries(properties).flatMap(([name, child]) => rows(child, `${path}.${name}`, needed.has(name)));
  const items = node.items as Node | undefined;
  const inItems = items ? rows(items, `${path}[]`, false).slice(items.properties ? 1 : 0) : [];
  const own = `| \`${path}\` | ${typeOf(node)} | ${defaultOf(node, required)} | ${what(node)} |`;
  return [own, ...below, ...(items?.properties ? inItems : [])];
}

function typeOf(node: Node): string {
  if (node["x-kubernetes-int-or-string"]) return "quantity";
  const items = node.items as Node | undefined;
  const name = items ? `list of ${items.type}` : node.additionalProperties ? "map" : String(node.type);
  const bounds = [
    node.minimum !== undefined || node.maximum !== undefined ? `${node.minimum ?? ""}..${node.maximum ?? ""}` : "",
    Array.isArray(node.enum) ? (node.enum as unknown[]).map((value) => JSON.stringify(value)).join(", ") : "",
  ].filter(Boolean);
  return [name, ...bounds].join(" ");
}

function defaultOf(node: Node, required: boolean): string {
  if (required) return "**required**";
  return node.default === undefined ? "" : `\`${JSON.stringify(node.default)}\``;
}

function what(node: Node): string {
  const rules = (node["x-kubernetes-validations"] as { message: string }[] | undefined) ?? [];
  const text = [node.description ?? "", ...rules.map((rule) => `*${rule.message}.*`)].join(" ");
  return text.replaceAll("|", "\\|").trim();
}
