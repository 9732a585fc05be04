import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../progress.ts";
import { run } from "../../support/command.ts";
import { ClusterError } from "../cluster.ts";
import { withLock } from "./lock.ts";

/** A command, or a file, and the Debian package that brings it. */
const needed: readonly (readonly [string, string])[] = [
  ["ip", "iproute2"],
  ["nsenter", "util-linux"],
  ["sysctl", "procps"],
  ["modprobe", "kmod"],
  ["nft", "nftables"],
  ["iptables", "iptables"],
  ["conntrack", "conntrack"],
  ["runc", "runc"],
  ["/usr/lib/cni/bridge", "containernetworking-plugins"],
  ["mmdebstrap", "mmdebstrap"],
  ["buildah", "buildah"],
  ["mkfs.xfs", "xfsprogs"],
  ["losetup", "mount"],
  ["python3", "python3"],
  ["/etc/ssl/certs/ca-certificates.crt", "ca-certificates"],
];

const installDeadlineMs = 15 * 60_000;

/** How long apt waits for another apt of this machine. */
const aptLockSeconds = 300;

/**
 * Installs what the host lacks of Debian's packages.
 *
 * @param also what one program needs beside what a cluster does
 * Errors: ClusterError, with the packages' names, where this is not a Debian or not root.
 */
export async function ensurePackages(progress: Progress, also: typeof needed = []): Promise<void> {
  const wanted = [...needed, ...also];
  if ((await missingPackages(wanted)).length > 0) await withLock("packages", progress, () => install(wanted, progress));
}

async function install(wanted: typeof needed, progress: Progress): Promise<void> {
  const missing = await missingPackages(wanted); // Another process may have installed them meanwhile.
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !(await present("apt-get"))) {
    throw new ClusterError(`the local cluster needs root on Debian, and the packages ${missing.join(" ")}`);
  }
  await progress.step(`Debian packages: ${missing.join(" ")}`, async (inner) => {
    const apt = (args: readonly string[]) =>
      run("apt-get", ["--option", `DPkg::Lock::Timeout=${aptLockSeconds}`, ...args], {
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        deadlineMs: installDeadlineMs,
        onOutput: (text) => inner.note(text.trim()),
      });
    await apt(["update"]);
    await apt(["install", "--yes", "--no-install-recommends", ...missing]);
  });
}

async function missingPackages(wanted: typeof needed): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, debianPackage] of wanted) if (!(await present(name))) missing.push(debianPackage);
  return missing;
}

async function present(name: string): Promise<boolean> {
  const candidates = name.startsWith("/") ? [name] : searchPath().map((folder) => join(folder, name));
  for (const candidate of candidates) {
    const found = await stat(candidate).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw error;
    });
    if (found) return true;
  }
  return false;
}

function searchPath(): string[] {
  return (process.env.PATH ?? "").split(":").filter(Boolean);
}
