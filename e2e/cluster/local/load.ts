import { join } from "node:path";
import { run } from "../../support/command.ts";
import type { Image } from "../cluster.ts";
import type { Layout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

/** A gigabyte on three nodes at once, on a loaded machine. */
const importDeadlineMs = 10 * 60_000;

/** Gives every node the images that it lacks; nodes at once, one node's images in order. */
export async function importImages(
  context: { readonly state: ClusterState; readonly layout: Layout; readonly bin: string },
  images: readonly Image[],
): Promise<void> {
  await Promise.all(
    context.layout.nodes.map(async (node) => {
      const socket = context.state.node(node.name, "containerd.sock"); // An absolute path: ctr takes no other.
      const ctr = (args: readonly string[]) =>
        run(join(context.bin, "ctr"), ["-a", socket, "-n", "k8s.io", ...args], { deadlineMs: importDeadlineMs });
      const present = new Set((await ctr(["images", "list", "-q"])).stdout.split("\n"));
      for (const image of images) {
        if (present.has(image.ref)) continue;
        // --local takes half the time of the default.
        await ctr(["images", "import", "--local", image.archive]);
      }
    }),
  );
}
