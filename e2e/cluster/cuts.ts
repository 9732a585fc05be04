import type { Cut } from "./cluster.ts";

/** All cuts of a node are policy rules of this priority: before the routing table is asked, and after the node's own addresses. */
const priority = "100";

/**
 * What `ip`, inside the node, is told to cut a way. A pod's packets are routed by its node, one by one, so connections
 * that are open are cut too. Routing comes after kube-proxy has replaced a Service's address by where it leads to.
 */
export function cutRule({ from, to, port }: Cut): readonly string[] {
  const only = port === undefined ? [] : ["ipproto", "tcp", "dport", String(port)];
  return ["rule", "add", "priority", priority, "from", from, "to", to, ...only, "blackhole"];
}

/** What `ip` is told to end all cuts of a node; that there are none is no error. */
export const mendRules: readonly string[] = ["rule", "flush", "priority", priority];

/** How `ip` says that a way is cut already. */
export function isCutAlready(words: string): boolean {
  return words.includes("File exists");
}
