import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { ensurePrograms } from "../e2e/cluster/local/programs.ts";
import { silentProgress } from "../e2e/progress.ts";

/** One object as a chart rendered it. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into objects of many kinds, and a wrong path fails them.
  readonly [field: string]: any;
}

/** Where the chart is. */
export const chart = fileURLToPath(new URL("stemhub-operator", import.meta.url));

const run = promisify(execFile);
let program: Promise<string> | undefined;

/**
 * Runs helm and returns what it printed. The program is the one of the cluster for development (fetched on first use),
 * or what HELM names, e.g. a Helm 3.
 *
 * Errors: Error with helm's own words when it ends with another code than 0.
 */
export async function helm(...args: string[]): Promise<string> {
  program ??= process.env.HELM
    ? Promise.resolve(process.env.HELM)
    : ensurePrograms(["helm"], silentProgress).then((bin) => join(bin, "helm"));
  const { stdout } = await run(await program, args, { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 });
  return stdout;
}

/**
 * The objects of a release, with some values set. Without the CRDs unless `crds.enabled` is among these: they are large,
 * and make each rendering six times as long.
 */
export async function render(
  values: Readonly<Record<string, unknown>> = {},
  release = { name: "stemhub-operator", namespace: "stemhub-system" },
): Promise<Rendered[]> {
  // JSON sets each value with its own type: --set would make numbers of strings that look like some.
  const set = Object.entries({ "crds.enabled": false, ...values }).flatMap(([key, value]) => [
    "--set-json",
    `${key}=${JSON.stringify(value)}`,
  ]);
  const text = await helm("template", release.name, chart, "--namespace", release.namespace, ...set);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}
