import { createHash } from "node:crypto";
import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** What no image is made of, wherever it lies. Keep in step with .dockerignore. */
const leftOut = new Set(["node_modules", "__pycache__", ".venv", ".pytest_cache", ".next", "testing"]);
const leftOutEnds = [".test.ts", ".pyc", ".md"];

/**
 * A hash of what an image is made of: names, contents and executable bits of files and of all files below folders. The
 * order of inputs, times and owners do not count; tests, documentation and what tools leave behind do not either.
 *
 * @param root what the inputs are relative to
 * @param inputs files and folders; one that is not there is an error (ENOENT)
 * @param also anything else that decides what the image holds
 */
export async function inputsHash(root: string, inputs: readonly string[], also = ""): Promise<string> {
  const hash = createHash("sha256").update(also);
  const files = (await Promise.all(inputs.map((input) => filesOf(root, input)))).flat().sort();
  for (const file of new Set(files)) {
    const { mode } = await lstat(join(root, file));
    const content = createHash("sha256")
      .update(await readFile(join(root, file)))
      .digest("hex");
    hash.update(`\0${file}\0${(mode & 0o111) === 0 ? "file" : "program"}\0${content}`);
  }
  return hash.digest("hex").slice(0, 12);
}

async function filesOf(root: string, path: string): Promise<string[]> {
  if (leftOut.has(basename(path)) || leftOutEnds.some((end) => path.endsWith(end))) return [];
  const found = await lstat(join(root, path));
  if (!found.isDirectory()) return [path];
  const names = await readdir(join(root, path));
  return (await Promise.all(names.map((name) => filesOf(root, join(path, name))))).flat();
}
