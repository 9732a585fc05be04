import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/command.ts";
import type { Image } from "./cluster.ts";

/** A docker-archive of a few hundred megabytes is copied. */
const deadlineMs = 120_000;

/**
 * The same image under another name, as an archive of its own: to every node it is another image. Whoever calls removes the
 * archive. Errors: CommandError when the archive is none.
 */
export async function imageAlias({ archive }: Image, ref: string): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), "stemhub-image-"));
  const alias = join(folder, "image.tar");
  await copyFile(archive, alias);
  const manifest = JSON.parse((await run("tar", ["-xOf", archive, "manifest.json"], { deadlineMs })).stdout);
  const renamed = manifest.map((one: object) => ({ ...one, RepoTags: [ref] }));
  await writeFile(join(folder, "manifest.json"), JSON.stringify(renamed));
  await run("tar", ["--delete", "-f", alias, "manifest.json"], { deadlineMs });
  await run("tar", ["--append", "-f", alias, "-C", folder, "manifest.json"], { deadlineMs });
  return { ref, archive: alias };
}

/** Removes the archive of an alias. */
export async function removeAlias({ archive }: Image): Promise<void> {
  await rm(join(archive, ".."), { recursive: true, force: true });
}
