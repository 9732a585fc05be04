import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/command.ts";
import type { Image } from "./cluster.ts";
import { replaceFile } from "./files.ts";

/** A docker-archive of a few hundred megabytes is unpacked and packed. */
const deadlineMs = 120_000;

/**
 * The same image under another name, as an archive of its own: to every node it is another image. Whoever calls removes the
 * archive. Errors: CommandError when the archive is none.
 */
export async function imageAlias({ archive }: Image, ref: string): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), "stemhub-image-"));
  const [files, alias] = [join(folder, "files"), join(folder, "image.tar")];
  await mkdir(files);
  await run("tar", ["-xf", archive, "-C", files], { deadlineMs });
  const manifest = JSON.parse(await readFile(join(files, "manifest.json"), "utf8"));
  const renamed = manifest.map((one: object) => ({ ...one, RepoTags: [ref] }));
  await replaceFile(join(files, "manifest.json"), JSON.stringify(renamed));
  await run("tar", ["-cf", alias, "-C", files, "."], { deadlineMs });
  await rm(files, { recursive: true });
  return { ref, archive: alias };
}

/** Removes the archive of an alias. */
export async function removeAlias({ archive }: Image): Promise<void> {
  await rm(join(archive, ".."), { recursive: true, force: true });
}
