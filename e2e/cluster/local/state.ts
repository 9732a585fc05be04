import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../progress.ts";
import { run } from "../../support/command.ts";
import { readIfPresent, replaceFile } from "../files.ts";
import { withLock } from "./lock.ts";
import { freeSlot, type Layout, layoutOf } from "./slots.ts";

/** Where a local cluster keeps what: all of it below one directory of the cache, gone with `down`. */
export class ClusterState {
  readonly directory: string;

  constructor(cache: string, name: string) {
    this.directory = join(cache, "clusters", name);
  }

  get kubeconfig(): string {
    return join(this.directory, "kubeconfig");
  }

  get auditLog(): string {
    return this.path("log", "audit.log");
  }

  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts);
  }

  node(name: string, ...parts: readonly string[]): string {
    return join(this.directory, "nodes", name, ...parts);
  }

  /** The cluster's layout, or undefined when it has none: it is not up, nor half up. */
  async layout(): Promise<Layout | undefined> {
    const slot = await slotIn(this.directory);
    return slot === undefined ? undefined : layoutOf(slot);
  }

  /** The cluster's layout; a slot is taken for it when it has none. */
  async takeSlot(cache: string, progress: Progress): Promise<Layout> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    return withLock(`slots:${cache}`, progress, async () => {
      const own = await this.layout();
      if (own) return own;
      const clusters = join(cache, "clusters");
      const slots = await Promise.all((await readdir(clusters)).map((name) => slotIn(join(clusters, name))));
      const [interfaces, routes] = await Promise.all([
        run("ip", ["-json", "link"]),
        run("ip", ["-json", "route", "show", "table", "all", "type", "unicast"]),
      ]);
      const slot = freeSlot({
        slots: slots.filter((taken) => taken !== undefined),
        interfaces: JSON.parse(interfaces.stdout).map((link: { ifname: string }) => link.ifname),
        routes: JSON.parse(routes.stdout || "[]")
          .map((route: { dst: string }) => route.dst)
          .filter((destination: string) => !destination.includes(":")),
      });
      await replaceFile(join(this.directory, "slot"), String(slot));
      return layoutOf(slot);
    });
  }
}

async function slotIn(directory: string): Promise<number | undefined> {
  const text = await readIfPresent(join(directory, "slot"));
  return text === undefined ? undefined : Number(text);
}
