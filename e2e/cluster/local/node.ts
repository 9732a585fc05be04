import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../progress.ts";
import { runToEnd } from "../../support/command.ts";
import { readIfPresent, replaceFile } from "../files.ts";
import { endCgroup, inCgroup, makeCgroup } from "./cgroups.ts";
import type { ImageStore } from "./image-store.ts";
import { nodeImages } from "./load.ts";
import { unmountBelow } from "./mounts.ts";
import { connectNode, disconnectNode } from "./network.ts";
import { cniConfig, containerdConfig, kubeletConfig, proxyConfig } from "./node-config.ts";
import { type Services, waitFor } from "./process.ts";
import type { Layout, NodeLayout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

const containerdDeadlineMs = 60_000;
const folders = ["run", "kubelet", "certs", "pod-logs", "cni/net.d", "volumes"];

/** What a node's programs are started with. */
export interface NodeContext {
  readonly state: ClusterState;
  readonly layout: Layout;
  readonly services: Services;
  /** Directory of the programs. */
  readonly bin: string;
  readonly pauseImage: string;
  /** What a new node begins with. */
  readonly store: ImageStore;
  readonly progress: Progress;
}

/**
 * Starts a node's containerd, kubelet and kube-proxy in a network namespace and cgroup of their own. What runs as it
 * should is left alone. Returns when containerd takes images.
 */
export async function startNode(context: NodeContext, node: NodeLayout): Promise<void> {
  const { state, layout, services } = context;
  await connectNode(layout, node);
  await makeCgroup(node.cgroup);
  const path = (name: string) => state.node(node.name, name);
  for (const folder of folders) await mkdir(path(folder), { recursive: true });
  await context.store.seed(path("containerd"), nodeImages(state, node).history, context.progress);
  const config = {
    containerd: containerdConfig(state, node, context.pauseImage),
    kubelet: kubeletConfig(state, layout, node),
    proxy: proxyConfig(state, layout, node),
  };
  await replaceFile(path("resolv.conf"), `nameserver ${layout.hostAddress}\n`);
  await replaceFile(path("cni/net.d/10-pods.conflist"), cniConfig(state, node));
  await replaceFile(path("containerd.toml"), config.containerd);
  await replaceFile(path("kubelet.yaml"), config.kubelet);
  // kube-proxy ends by itself when its file is written to, even with the same content.
  if ((await readIfPresent(path("kube-proxy.yaml"))) !== config.proxy) {
    await services.stop(`${node.name}-kube-proxy`);
    await replaceFile(path("kube-proxy.yaml"), config.proxy);
  }
  const inNode = async (program: string, restartOn: string, ...args: readonly string[]) =>
    services.ensure({
      name: `${node.name}-${program}`,
      command: await inCgroup(node.cgroup, [program, ...args], node.netns),
      restartOn,
    });
  await inNode("containerd", config.containerd, "--config", path("containerd.toml"), "--log-level", "warn");
  await waitFor(`containerd of ${node.name} answers`, containerdDeadlineMs, async () => {
    await services.assertAlive();
    return (await runToEnd(join(context.bin, "ctr"), ["-a", path("containerd.sock"), "version"])).code === 0;
  });
  const zone = `topology.kubernetes.io/zone=zone-${node.index}`;
  await inNode(
    "kubelet",
    config.kubelet,
    `--config=${path("kubelet.yaml")}`,
    `--kubeconfig=${state.path("pki", `node-${node.name}.kubeconfig`)}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--root-dir=${path("kubelet")}`,
    `--cert-dir=${path("certs")}`,
    `--node-labels=topology.kubernetes.io/region=local,${zone}`,
    "--v=1",
  );
  await inNode("kube-proxy", config.proxy, `--config=${path("kube-proxy.yaml")}`, "--v=1");
}

/** Ends everything of a node, like a power cut: what it has on disk stays. One that does not run is fine. */
export async function stopNode(context: Pick<NodeContext, "state" | "services">, node: NodeLayout): Promise<void> {
  for (const program of ["kubelet", "kube-proxy", "containerd"]) {
    await context.services.stop(`${node.name}-${program}`, 0);
  }
  // Containers and their shims outlive containerd by design.
  await endCgroup(node.cgroup);
  await unmountBelow(context.state.node(node.name));
  await disconnectNode(node);
  for (const name of ["run", "cni/ipam", "containerd.sock", "containerd.sock.ttrpc"]) {
    await rm(context.state.node(node.name, name), { recursive: true, force: true });
  }
}
