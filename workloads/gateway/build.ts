import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/**
 * What the njs engine of nginx 0.8.9 has beyond ES5, each tried in it. What it lacks and esbuild can say otherwise is said
 * otherwise (`?.`, `??=`, types, modules); what esbuild cannot (destructuring, for-of, classes, spread, default parameters)
 * is refused with the line that has it, so that a module which nginx cannot load is never built.
 */
const beyondEs5 = {
  arrow: true,
  "async-await": true,
  "const-and-let": true,
  "exponent-operator": true,
  "nullish-coalescing": true,
  "object-extensions": true,
  "regexp-named-capture-groups": true,
  "rest-argument": true,
  "template-literal": true,
};

/** A module for njs, from its entry, as one file: njs itself knows neither types nor named imports. */
export async function buildNjs(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    target: "es5",
    supported: beyondEs5,
    tsconfigRaw: {},
    // njs has these by name, and no others.
    external: ["crypto", "fs", "querystring", "zlib"],
    logLevel: "silent",
  });
}

/** What nginx loads: the entry's default export holds each function that nginx.conf names. */
export function buildGateway(outfile: string): Promise<void> {
  return buildNjs(join(here, "njs/main.ts"), outfile);
}

/** The mode-agent as one file for Node: no packages beside it. What it imports only outside of a cluster is left out. */
export async function buildAgent(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(here, "agent/main.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    external: ["@kubernetes/client-node"],
    // pino is CommonJS, and requires what Node has.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "silent",
  });
}

/** The script for pages that nginx serves: no larger than it must be, since every page of a platform may load it. */
export async function buildNotice(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(here, "page/notice.ts")],
    outfile,
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "es2020",
    minify: true,
    tsconfigRaw: {},
    logLevel: "silent",
  });
}

if (import.meta.main) {
  const [, , directory] = process.argv;
  if (directory === undefined) throw new Error("usage: node workloads/gateway/build.ts DIRECTORY");
  await buildGateway(join(directory, "gateway.js"));
  await buildAgent(join(directory, "mode-agent.js"));
  await buildNotice(join(directory, "notice.js"));
}
