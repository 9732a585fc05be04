import { mkdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../../support/command.ts";
import { exists } from "../../files.ts";
import { mountsBelow } from "../mounts.ts";
import type { Disk } from "./decide.ts";

/** Where disks are: a folder per node. */
export type DiskFolder = (node: string) => string;

/** mkfs, mount and their like take milliseconds; a busy machine is given its time. */
const commandDeadlineMs = 60_000;

const pageBytes = 4096;

/** XFS takes no less. */
const smallestBytes = 300 * 2 ** 20;

/** Where a disk is mounted: what its volume in Kubernetes points to. */
export function mountPath(folder: DiskFolder, { node, name }: Disk): string {
  return join(folder(node), name, "mount");
}

/**
 * Makes a disk of its size and mounts it; one that is there is mounted where it is not. The image is sparse: it takes
 * what is written, so many fit on a small machine.
 *
 * XFS, since its growth while mounted needs no more than a mount does. ext4's needs CAP_SYS_RESOURCE, which containers and
 * sandboxes take away.
 *
 * Errors: one that says how little is too little; CommandError with the words of mkfs or mount.
 */
export async function makeDisk(folder: DiskFolder, disk: Disk): Promise<void> {
  const image = imagePath(folder, disk);
  const mount = mountPath(folder, disk);
  await mkdir(mount, { recursive: true });
  if ((await mountsBelow(folder(disk.node))).includes(mount)) return;
  if (!(await exists(image))) {
    if (disk.bytes < smallestBytes) throw new Error(`a disk has at least 300Mi, and ${disk.bytes} bytes are asked for`);
    // Under another name until it is whole: what bears the name is never formatted again.
    const unfinished = `${image}.new`;
    await writeFile(unfinished, "");
    await truncate(unfinished, imageBytes(disk));
    await command("mkfs.xfs", "-q", "-f", unfinished);
    await rename(unfinished, image);
  }
  // The loop device goes with the mount.
  await command("mount", "-o", "loop", image, mount);
  // Pods have users of their own, as with a directory of the default class.
  await command("chmod", "0777", mount);
}

/** Grows a mounted disk to its size, while it is written to. Never shrinks it. */
export async function growDisk(folder: DiskFolder, disk: Disk): Promise<void> {
  const image = imagePath(folder, disk);
  await makeDisk(folder, disk);
  if ((await stat(image)).size < imageBytes(disk)) await truncate(image, imageBytes(disk));
  const device = (await command("losetup", "--noheadings", "--output=NAME", `--associated=${image}`)).trim();
  await command("losetup", "--set-capacity", device);
  await command("xfs_growfs", "-d", mountPath(folder, disk));
}

/** Removes a disk and what is on it. One that is gone is fine. */
export async function removeDisk(folder: DiskFolder, disk: Disk): Promise<void> {
  const mount = mountPath(folder, disk);
  // Lazily: a pod that was deleted by force may be at its last breath.
  if ((await mountsBelow(folder(disk.node))).includes(mount)) await command("umount", "--lazy", mount);
  await rm(join(folder(disk.node), disk.name), { recursive: true, force: true });
}

/** Whole pages: of part of one the filesystem makes no use. */
function imageBytes({ bytes }: Disk): number {
  return Math.ceil(bytes / pageBytes) * pageBytes;
}

function imagePath(folder: DiskFolder, { node, name }: Disk): string {
  return join(folder(node), name, "image");
}

async function command(program: string, ...args: readonly string[]): Promise<string> {
  return (await run(program, args, { deadlineMs: commandDeadlineMs })).stdout;
}
