import { readdir, readFile, writeFile } from "node:fs/promises";
import { CommandError, run, runToEnd } from "../../support/command.ts";
import type { Cut } from "../cluster.ts";
import { cutRule, isCutAlready, mendRules } from "../cuts.ts";
import type { Layout, NodeLayout } from "./slots.ts";

/** Each kubelet and containerd watches many files; Linux' usual 128 is for one of each. */
const inotifyInstances = 1024;

/** The host's bridge and kernel settings. Idempotent. */
export async function makeBridge(layout: Layout): Promise<void> {
  if (!(await exists(layout.bridge))) await run("ip", ["link", "add", layout.bridge, "type", "bridge"]);
  await run("ip", ["address", "replace", `${layout.hostAddress}/24`, "dev", layout.bridge]);
  await run("ip", ["link", "set", layout.bridge, "up"]);
  await run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  // Where the module is built in, or cannot be loaded, the nodes' own setting below decides.
  await runToEnd("modprobe", ["br_netfilter"]);
  const limit = "/proc/sys/fs/inotify/max_user_instances";
  if (Number(await readFile(limit, "utf8")) < inotifyInstances) await writeFile(limit, String(inotifyInstances));
}

/** A node's network namespace, its cable to the bridge, and the routes to and from its pods; nothing is cut. Idempotent. */
export async function connectNode(layout: Layout, node: NodeLayout): Promise<void> {
  if (!(await namespaces()).includes(node.netns)) await run("ip", ["netns", "add", node.netns]);
  if (!(await exists(node.veth))) {
    await run("ip", ["link", "add", node.veth, "type", "veth", "peer", "name", "eth0", "netns", node.netns]);
  }
  await run("ip", ["link", "set", node.veth, "master", layout.bridge, "up"]);
  const inside = (args: readonly string[]) => run("ip", ["-n", node.netns, ...args]);
  await inside(["link", "set", "lo", "up"]);
  await inside(["address", "replace", `${node.address}/24`, "dev", "eth0"]);
  await inside(["link", "set", "eth0", "up"]);
  await inside(["route", "replace", "default", "via", layout.hostAddress]);
  const enter = [`--net=/run/netns/${node.netns}`, "sysctl", "-qw"];
  await run("nsenter", [...enter, "net.ipv4.ip_forward=1"]);
  // Pods of one node share a bridge: replies from a service must pass the node's packet filter too, or the address
  // translation is not undone. Without the module there is no such setting, and no such trouble.
  await runToEnd("nsenter", [...enter, "net.bridge.bridge-nf-call-iptables=1"]);
  for (const other of layout.nodes) {
    if (other.name !== node.name) await inside(["route", "replace", other.pods, "via", other.address]);
  }
  await run("ip", ["route", "replace", node.pods, "via", node.address]);
  await mendWays(node);
}

/** Takes away what connectNode made. */
export async function disconnectNode(node: NodeLayout): Promise<void> {
  if (await exists(node.veth)) await run("ip", ["link", "delete", node.veth]);
  if ((await namespaces()).includes(node.netns)) await run("ip", ["netns", "delete", node.netns]);
  await runToEnd("ip", ["route", "delete", node.pods]); // It went with the bridge, if that is down.
}

/** Takes away the bridge. */
export async function removeBridge(layout: Layout): Promise<void> {
  if (await exists(layout.bridge)) await run("ip", ["link", "delete", layout.bridge]);
}

/** Pulls a node's cable, or plugs it in. Errors: CommandError when the node is not up. */
export async function setCable(node: NodeLayout, state: "up" | "down"): Promise<void> {
  await run("ip", ["link", "set", node.veth, state]);
}

/** Cuts a way out of a node. Errors: CommandError when the node is not up. */
export async function cutWay(node: NodeLayout, cut: Cut): Promise<void> {
  try {
    await run("ip", ["-n", node.netns, ...cutRule(cut)]);
  } catch (error) {
    if (!(error instanceof CommandError && isCutAlready(error.result.stderr))) throw error;
  }
}

/** Ends every cut of a node. */
export async function mendWays(node: NodeLayout): Promise<void> {
  await run("ip", ["-n", node.netns, ...mendRules]);
}

/** Whether the host has a link of that name. */
export async function exists(link: string): Promise<boolean> {
  return (await runToEnd("ip", ["link", "show", link])).code === 0;
}

async function namespaces(): Promise<string[]> {
  return readdir("/run/netns").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []; // Made with the first one.
    throw error;
  });
}
