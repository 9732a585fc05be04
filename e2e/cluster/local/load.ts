import { join } from "node:path";
import { run } from "../../support/command.ts";
import type { Image } from "../cluster.ts";
import { readIfPresent, replaceFile } from "../files.ts";
import type { NodeLayout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

/** A gigabyte on three nodes at once, on a loaded machine. */
const importDeadlineMs = 10 * 60_000;

/** Versions of an image that are kept besides those that containers are made of: an upgrade and its way back. */
const keptVersions = 3;

/** A containerd that runs, and the record of what it was given. */
export interface ImageHolder {
  /** Path of its socket; absolute, since ctr takes no other. */
  readonly socket: string;
  /** Path of a file with the images that it was given, oldest first. */
  readonly history: string;
}

/** A node's containerd. */
export function nodeImages(state: ClusterState, node: NodeLayout): ImageHolder {
  return { socket: state.node(node.name, "containerd.sock"), history: state.node(node.name, "images") };
}

/**
 * Gives a containerd the images that it lacks, one after the other. Of images that were given before, old versions go
 * that no container is made of.
 *
 * @param bin directory of ctr
 */
export async function importImages(holder: ImageHolder, bin: string, images: readonly Image[]): Promise<void> {
  const ctr = async (args: readonly string[]) => {
    const options = { deadlineMs: importDeadlineMs };
    return (await run(join(bin, "ctr"), ["-a", holder.socket, "-n", "k8s.io", ...args], options)).stdout;
  };
  const present = new Set((await ctr(["images", "list", "-q"])).split("\n"));
  for (const { ref, archive } of images) {
    // --local takes half the time of the default; layers are not kept a second time, packed.
    if (!present.has(ref)) await ctr(["images", "import", "--local", "--discard-unpacked-layers", archive]);
  }
  const before = ((await readIfPresent(holder.history)) ?? "").split("\n").filter(Boolean);
  const used = (await ctr(["containers", "list"])).split("\n").map((line) => line.split(/\s+/)[1] ?? "");
  const { kept, dropped } = decideKept(
    before,
    images.map(({ ref }) => ref),
    used,
  );
  for (const ref of dropped) await ctr(["images", "remove", ref]);
  await replaceFile(holder.history, kept.join("\n"));
}

/**
 * Which images a node keeps, oldest first, and which go. An image given again counts as new.
 *
 * @param before what it was given so far, oldest first
 * @param given what it is given now
 * @param used what its containers are made of
 */
export function decideKept(
  before: readonly string[],
  given: readonly string[],
  used: readonly string[],
): { readonly kept: readonly string[]; readonly dropped: readonly string[] } {
  const all = [...before.filter((ref) => !given.includes(ref)), ...given];
  const seriesOf = (ref: string) => ref.slice(0, ref.lastIndexOf(":"));
  const goes = (ref: string, index: number) =>
    !used.includes(ref) &&
    all.slice(index + 1).filter((newer) => seriesOf(newer) === seriesOf(ref)).length >= keptVersions;
  return { kept: all.filter((ref, index) => !goes(ref, index)), dropped: all.filter(goes) };
}
