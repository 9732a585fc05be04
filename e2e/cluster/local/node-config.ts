import { stringify } from "yaml";
import type { Layout, NodeLayout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

/** Debian's containernetworking-plugins. */
const cniPlugins = "/usr/lib/cni";

/** The CNI configuration of a node: a bridge with the node's own part of the pod network. */
export function cniConfig(state: ClusterState, node: NodeLayout): string {
  const ipam = {
    type: "host-local",
    dataDir: state.node(node.name, "cni", "ipam"),
    ranges: [[{ subnet: node.pods }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      { type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true, ipMasq: false, ipam },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}

/** containerd's configuration. Several run on this host: nothing of it may be at a usual path. */
export function containerdConfig(state: ClusterState, node: NodeLayout, pauseImage: string): string {
  const path = (name: string) => JSON.stringify(state.node(node.name, name));
  return `version = 3
root = ${path("containerd")}
state = ${path("run")}
# NRI's socket and /opt/containerd are the same path for every containerd of a host.
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
  address = ${path("containerd.sock")}
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true # Lowering it needs CAP_SYS_RESOURCE, which a container's root may lack.
  netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${cniPlugins}"]
  conf_dir = ${path("cni/net.d")}
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    SystemdCgroup = false
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"
`;
}

/** kubelet's configuration. */
export function kubeletConfig(state: ClusterState, layout: Layout, node: NodeLayout): string {
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: node.address,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: state.path("pki", "ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: state.path("pki", `node-${node.name}.crt`),
    tlsPrivateKeyFile: state.path("pki", `node-${node.name}.key`),
    containerRuntimeEndpoint: `unix://${state.node(node.name, "containerd.sock")}`,
    podLogsDir: state.node(node.name, "pod-logs"),
    volumePluginDir: state.node(node.name, "volume-plugins"),
    resolvConf: state.node(node.name, "resolv.conf"),
    clusterDNS: [layout.hostAddress],
    clusterDomain: "cluster.local",
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${node.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    featureGates: { KubeletInUserNamespace: true }, // Forgives rlimits and sysctls that cannot be set.
    evictionHard: {
      "memory.available": "50Mi",
      "nodefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.available": "1%",
    },
    imageGCHighThresholdPercent: 100, // Images cannot be pulled again.
    nodeLeaseDurationSeconds: 20,
    nodeStatusUpdateFrequency: "5s",
  });
}

/** kube-proxy's configuration. */
export function proxyConfig(state: ClusterState, layout: Layout, node: NodeLayout): string {
  return stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: node.name,
    clusterCIDR: layout.podNetwork,
    clientConnection: { kubeconfig: state.path("pki", "kube-proxy.kubeconfig") },
    conntrack: { maxPerCore: 0, min: 0 }, // The limit belongs to the host's kernel.
  });
}
