import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { auditPolicy } from "../audit-policy.ts";
import { replaceFile } from "../files.ts";
import type { Service } from "./process.ts";
import { apiPort, type Layout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

/** Silence after which a node is NotReady. Kubernetes waits 50 s; shorter, so that tests of lost nodes are. */
const nodeGraceSeconds = 20;
/** How often autoscalers look. Kubernetes: 15 s. */
const autoscalerSyncSeconds = 5;

export const apiServerName = "kube-apiserver";

/** etcd, and the API server on it. As host processes they survive the loss of any node. */
export async function apiServices(state: ClusterState, layout: Layout): Promise<Service[]> {
  const pki = (file: string) => state.path("pki", file);
  await replaceFile(state.path("audit-policy.yaml"), auditPolicy);
  // On the loopback interface: pods reach the host's address on the bridge, and etcd asks nobody who they are.
  const client = `http://${layout.loopback}:2379`;
  const peer = `http://${layout.loopback}:2380`;
  return [
    {
      name: "etcd",
      command: [
        "etcd",
        "--name=etcd",
        `--data-dir=${state.path("etcd")}`,
        "--unsafe-no-fsync", // It need not outlive the machine.
        "--log-level=warn",
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=etcd=${peer}`,
      ],
    },
    {
      name: apiServerName,
      restartOn: auditPolicy,
      command: [
        "kube-apiserver",
        `--etcd-servers=${client}`,
        `--bind-address=${layout.hostAddress}`,
        `--secure-port=${apiPort}`,
        `--advertise-address=${layout.hostAddress}`,
        `--tls-cert-file=${pki("apiserver.crt")}`,
        `--tls-private-key-file=${pki("apiserver.key")}`,
        `--client-ca-file=${pki("ca.crt")}`,
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        `--service-cluster-ip-range=${layout.serviceNetwork}`,
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        `--service-account-key-file=${pki("service-account.pub")}`,
        `--service-account-signing-key-file=${pki("service-account.key")}`,
        "--kubelet-preferred-address-types=InternalIP",
        `--kubelet-certificate-authority=${pki("ca.crt")}`,
        `--kubelet-client-certificate=${pki("apiserver-kubelet-client.crt")}`,
        `--kubelet-client-key=${pki("apiserver-kubelet-client.key")}`,
        // Reaches webhooks and aggregated APIs by endpoint: the host has a route to every pod, and no kube-proxy.
        "--enable-aggregator-routing=true",
        `--requestheader-client-ca-file=${pki("front-proxy-ca.crt")}`,
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        `--proxy-client-cert-file=${pki("front-proxy-client.crt")}`,
        `--proxy-client-key-file=${pki("front-proxy-client.key")}`,
        `--audit-policy-file=${state.path("audit-policy.yaml")}`,
        `--audit-log-path=${state.auditLog}`,
        "--audit-log-maxsize=500", // MB; a reader need not follow a rotation within a test.
        "--audit-log-maxbackup=1",
      ],
    },
  ];
}

/** The controller manager and the scheduler. */
export function controllerServices(state: ClusterState, layout: Layout): Service[] {
  const pki = (file: string) => state.path("pki", file);
  const command = (name: string): [string, ...string[]] => {
    const kubeconfig = pki(`${name}.kubeconfig`);
    const itself = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"];
    return [
      name,
      ...itself.map((flag) => `--${flag}=${kubeconfig}`),
      `--bind-address=${layout.loopback}`,
      "--leader-elect=false",
    ];
  };
  return [
    {
      name: "kube-controller-manager",
      command: [
        ...command("kube-controller-manager"),
        "--use-service-account-credentials",
        `--service-account-private-key-file=${pki("service-account.key")}`,
        `--root-ca-file=${pki("ca.crt")}`,
        `--cluster-signing-cert-file=${pki("ca.crt")}`,
        `--cluster-signing-key-file=${pki("ca.key")}`,
        "--allocate-node-cidrs=false",
        `--node-monitor-grace-period=${nodeGraceSeconds}s`,
        `--horizontal-pod-autoscaler-sync-period=${autoscalerSyncSeconds}s`,
      ],
    },
    { name: "kube-scheduler", command: begunAgain(command("kube-scheduler")) },
  ];
}

/**
 * A command that is begun again when it ends, as kubelet does with a static pod. The scheduler counts on that: it ends itself when
 * a pod is on another node than it thought, as after an API server that died between a binding and its answer.
 */
function begunAgain(command: readonly [string, ...string[]]): [string, ...string[]] {
  const loop = `trap 'kill $child; exit' TERM; while :; do "$@" & child=$!; wait $child; sleep 1; done`;
  return ["bash", "-c", loop, command[0], ...command];
}

/** Where pods resolve names: CoreDNS on the host's address. It knows the cluster's names, and no others. */
export async function dnsService(state: ClusterState, layout: Layout): Promise<Service> {
  // Two server blocks: within one the template would answer before the kubernetes plugin, whatever the order written.
  const corefile = `cluster.local in-addr.arpa {
  bind ${layout.hostAddress}
  errors
  ready ${layout.hostAddress}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${state.path("pki", "coredns.kubeconfig")}
    pods insecure
  }
}
. {
  bind ${layout.hostAddress}
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`;
  await replaceFile(state.path("Corefile"), corefile);
  return { name: "coredns", command: ["coredns", "-conf", state.path("Corefile")], restartOn: corefile };
}

/** metrics-server, for autoscalers and `kubectl top`. */
export function metricsService(state: ClusterState, layout: Layout): Service {
  const pki = (file: string) => state.path("pki", file);
  const itself = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"];
  return {
    name: "metrics-server",
    command: [
      "metrics-server",
      ...itself.map((flag) => `--${flag}=${pki("metrics-server.kubeconfig")}`),
      `--bind-address=${layout.hostAddress}`,
      "--secure-port=4443",
      `--tls-cert-file=${pki("metrics-server.crt")}`,
      `--tls-private-key-file=${pki("metrics-server.key")}`,
      `--kubelet-certificate-authority=${pki("ca.crt")}`,
      "--kubelet-preferred-address-types=InternalIP",
      "--metric-resolution=10s",
      "--kubelet-request-timeout=5s", // It panics unless this is the smaller.
    ],
  };
}

/** The provisioner of the default StorageClass: a directory per volume, on the node of its first pod. */
export async function volumeService(state: ClusterState, layout: Layout, helperImage: string): Promise<Service> {
  const nodePathMap = layout.nodes.map(({ name }) => ({ node: name, paths: [state.node(name, "volumes")] }));
  const helperPod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "helper-pod" },
    spec: { containers: [{ name: "helper-pod", image: helperImage, imagePullPolicy: "Never" }] },
  };
  const [config, pod] = [JSON.stringify({ nodePathMap }), JSON.stringify(helperPod)];
  await replaceFile(state.path("local-path.json"), config);
  await replaceFile(state.path("local-path-pod.yaml"), pod);
  return {
    name: "local-path-provisioner",
    restartOn: config + pod,
    command: [
      "local-path-provisioner",
      "start",
      ...["--config", state.path("local-path.json")],
      ...["--kubeconfig", join(state.path("pki"), "local-path-provisioner.kubeconfig")],
      ...["--namespace", "local-path-storage"],
      ...["--service-account-name", "default"],
      ...["--configmap-name", "local-path-config"],
      ...["--helper-image", helperImage],
      ...["--helper-pod-file", state.path("local-path-pod.yaml")],
    ],
  };
}

/** The provisioner of the StorageClass local-disk (disks/): this checkout's, so it is restarted when that changes. */
export async function diskService(state: ClusterState): Promise<Service> {
  const file = (name: string) => fileURLToPath(new URL(`disks/${name}`, import.meta.url));
  const sources = await Promise.all(["main.ts", "decide.ts", "disk.ts"].map((name) => readFile(file(name), "utf8")));
  return {
    name: "local-disk",
    restartOn: sources.join("\n"),
    command: [process.execPath, file("main.ts"), state.path("pki", "local-disk.kubeconfig"), state.path("nodes")],
  };
}
