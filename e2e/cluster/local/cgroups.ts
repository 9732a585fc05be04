import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readIfPresent } from "../files.ts";
import { sleep } from "./process.ts";

const root = "/sys/fs/cgroup";

/** Controllers that kubelet and containerd account with, where the hierarchy is one (cgroup v2). */
const controllers = ["cpu", "cpuset", "io", "memory", "pids"];

/** Kills this often before it gives up; a fork may slip through a round. */
const killRounds = 50;

/**
 * Makes a control group with a child `system`: the group is for a kubelet to make its pods' groups in, the child for
 * processes. On cgroup v1 it is one in every controller's hierarchy. Idempotent.
 *
 * Tried on v1; v2 follows the documentation, and was not run where this was written.
 */
export async function makeCgroup(name: string): Promise<void> {
  const unified = await isUnified();
  for (const hierarchy of await hierarchies()) {
    if (unified) await delegate(hierarchy);
    for (const group of [join(hierarchy, name), join(hierarchy, name, "system")]) {
      await mkdir(group, { recursive: true });
      if (unified) continue;
      // Empty in a new v1 cpuset, which could hold no process.
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        const inherited = await readIfPresent(join(hierarchy, file));
        if (inherited !== undefined) await writeFile(join(group, file), inherited);
      }
    }
    if (unified) await delegate(join(hierarchy, name));
  }
}

/** A command line that runs another one inside the group's `system`, and in a network namespace where one is given. */
export async function inCgroup(
  name: string,
  command: readonly string[],
  netns?: string,
): Promise<[string, ...string[]]> {
  const files = (await hierarchies()).map((hierarchy) => join(hierarchy, name, "system", "cgroup.procs"));
  const join_ = files.map((file) => `echo $$ >${file}`).join("; ");
  // nsenter, not `ip netns exec`: that one mounts a /sys without /sys/fs/cgroup.
  const enter = netns === undefined ? "" : `nsenter --net=/run/netns/${netns} `;
  return ["bash", "-c", `set -e; ${join_}; exec ${enter}"$@"`, name, ...command];
}

/** Kills every process in the group and below, and removes it. One that is not there is fine. */
export async function endCgroup(name: string): Promise<void> {
  for (let round = 0; round < killRounds; round++) {
    const pids = await processesIn(name);
    if (pids.length === 0) break;
    for (const pid of pids) kill(pid);
    await sleep(100);
  }
  // Beside v1's hierarchies there may be a `unified` one, where runc makes groups of the same names.
  for (const hierarchy of [...(await hierarchies()), join(root, "unified")]) await removeTree(join(hierarchy, name));
}

/** Ids of the processes in the group and below. */
export async function processesIn(name: string): Promise<number[]> {
  const hierarchy = (await isUnified()) ? root : join(root, "pids");
  const found: number[] = [];
  for (const group of await below(join(hierarchy, name))) {
    const text = (await readIfPresent(join(group, "cgroup.procs"))) ?? "";
    found.push(...text.split("\n").filter(Boolean).map(Number));
  }
  return found;
}

async function isUnified(): Promise<boolean> {
  return (await readIfPresent(join(root, "cgroup.controllers"))) !== undefined;
}

/** Where a group's name is to be made: one place on v2, one per controller on v1. */
async function hierarchies(): Promise<string[]> {
  if (await isUnified()) return [root];
  const entries = await readdir(root, { withFileTypes: true });
  // `unified` has no controllers; `cpu,cpuacct` may be there by links of two more names.
  return entries.filter((entry) => entry.isDirectory() && entry.name !== "unified").map(({ name }) => join(root, name));
}

/** Lets a v2 group's children have the controllers that it has itself. */
async function delegate(group: string): Promise<void> {
  const own = (await readFile(join(group, "cgroup.controllers"), "utf8")).trim().split(" ");
  const given = controllers.filter((controller) => own.includes(controller)).map((controller) => `+${controller}`);
  await writeFile(join(group, "cgroup.subtree_control"), given.join(" "));
}

/** The group and all below it, parents first; none when it is not there. */
async function below(group: string): Promise<string[]> {
  try {
    const children = (await readdir(group, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    return [group, ...(await Promise.all(children.map(({ name }) => below(join(group, name))))).flat()];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function removeTree(group: string): Promise<void> {
  for (const child of (await below(group)).reverse()) {
    await rmdir(child).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
