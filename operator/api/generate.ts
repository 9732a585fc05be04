import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { definitions } from "./kinds.ts";
import { referencePage } from "./schema/reference.ts";

/** The root of the project: generated files are named from there. */
const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Every generated file, by its path from the root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const definition of definitions) {
    const { group, plural, kind } = definition;
    const head = "# Generated from operator/api by `npm run generate`. Do not edit.\n";
    const crd = head + stringify(definition.crd, { lineWidth: 0, aliasDuplicateObjects: false });
    files.set(`crds/${group}_${plural}.yaml`, crd);
    // Helm renders only what lies inside a chart.
    files.set(`charts/stemhub-operator/files/crds/${group}_${plural}.yaml`, crd);
    files.set(`docs/reference/${kind.toLowerCase()}.md`, referencePage(definition));
  }
  return files;
}

/** Paths of generated files that are absent or not what the schemas say. */
export async function staleFiles(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, content] of generatedFiles()) {
    const now = await readFile(join(root, path), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (now !== content) stale.push(path);
  }
  return stale;
}

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) {
    console.error(`Usage: npm run generate [-- --check]\nUnknown argument ${unknown}.`);
    process.exitCode = 2;
    return;
  }
  const stale = await staleFiles();
  if (args.includes("--check")) {
    if (stale.length === 0) return;
    console.error(`Stale: ${stale.join(", ")}. Run: npm run generate`);
    process.exitCode = 1;
    return;
  }
  for (const path of stale) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), generatedFiles().get(path) ?? "");
    console.log(`wrote ${path}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
