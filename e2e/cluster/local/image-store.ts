import { copyFile, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Progress } from "../../progress.ts";
import { run, runToEnd } from "../../support/command.ts";
import type { Image } from "../cluster.ts";
import { exists, readIfPresent, replaceFile } from "../files.ts";
import { importImages } from "./load.ts";
import { withLock } from "./lock.ts";
import { unmountBelow } from "./mounts.ts";
import { Services, waitFor } from "./process.ts";

const startDeadlineMs = 60_000;

/** What a containerd never changes once it is written: a node's may be the same files. */
const shared = ["io.containerd.content.v1.content", "io.containerd.snapshotter.v1.overlayfs/snapshots"];
/** What it writes to in place: each has its own. */
const copied = ["io.containerd.metadata.v1.bolt/meta.db", "io.containerd.snapshotter.v1.overlayfs/metadata.db"];

/**
 * The unpacked images that new nodes begin with, in the cache: a gigabyte is unpacked once, and not on each of three
 * nodes whenever a cluster comes up. A node's copy shares the files of layers (hard links), which are never written to.
 */
export class ImageStore {
  readonly #directory: string;
  readonly #bin: string;
  readonly #services: Services;

  /** @param bin directory of the programs; another containerd has another store */
  constructor(cache: string, bin: string) {
    this.#bin = bin;
    this.#directory = join(cache, "nodes", bin.split("/").at(-1) ?? "");
    this.#services = new Services(join(this.#directory, "processes"), join(this.#directory, "log"), bin);
  }

  /** Adds the images that it lacks; old versions of theirs go. */
  async add(images: readonly Image[], progress: Progress): Promise<void> {
    await withLock(`nodes:${this.#directory}`, progress, async () => {
      const present = ((await readIfPresent(this.#path("images"))) ?? "").split("\n");
      if (images.every(({ ref }) => present.includes(ref))) return;
      await this.#stop(); // One that was left behind when its program was killed.
      await mkdir(this.#directory, { recursive: true });
      await replaceFile(this.#path("containerd.toml"), this.#config());
      const command = ["containerd", "--config", this.#path("containerd.toml"), "--log-level", "warn"] as const;
      await this.#services.ensure({ name: "containerd", command });
      try {
        await waitFor("the image store's containerd answers", startDeadlineMs, async () => {
          await this.#services.assertAlive();
          return (await runToEnd(join(this.#bin, "ctr"), ["-a", this.#path("sock"), "version"])).code === 0;
        });
        await importImages({ socket: this.#path("sock"), history: this.#path("images") }, this.#bin, images);
      } finally {
        await this.#stop();
      }
    });
  }

  /**
   * Gives a containerd that has not started yet all that is in the store; one that has a root already, and any while the
   * store is empty, is left alone.
   */
  async seed(root: string, history: string, progress: Progress): Promise<void> {
    await withLock(`nodes:${this.#directory}`, progress, async () => {
      if (!(await exists(this.#path("images"))) || (await exists(join(root, "io.containerd.metadata.v1.bolt")))) return;
      await this.#stop();
      const unfinished = `${root}.new`;
      await rm(unfinished, { recursive: true, force: true });
      for (const name of [...shared, ...copied]) await mkdir(dirname(join(unfinished, name)), { recursive: true });
      for (const name of shared) await run("cp", ["-a", "--link", this.#path("root", name), join(unfinished, name)]);
      for (const name of copied) await copyFile(this.#path("root", name), join(unfinished, name));
      await copyFile(this.#path("images"), history);
      await run("mv", ["--no-target-directory", unfinished, root]);
    });
  }

  async #stop(): Promise<void> {
    await this.#services.stop("containerd");
    await unmountBelow(this.#directory);
  }

  #path(...parts: readonly string[]): string {
    return join(this.#directory, ...parts);
  }

  #config(): string {
    const path = (name: string) => JSON.stringify(this.#path(name));
    return `version = 3
root = ${path("root")}
state = ${path("run")}
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]
[grpc]
  address = ${path("sock")}
`;
  }
}
