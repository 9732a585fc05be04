import { stringify } from "yaml";
import { type Cut, s3Buckets } from "./cluster.ts";
import { cutRule, mendRules } from "./cuts.ts";

/** A program with its arguments, and what it reads from standard input. */
export interface KindCommand {
  readonly program: "kind" | "docker" | "kubectl";
  readonly args: readonly string[];
  readonly input?: string;
}

/** Where kind's nodes are connected to each other. */
export const network = "kind";

/** The object store, as Docker Hub has it; the same version as the local provider builds. */
const s3Image = "versity/versitygw:v1.8.0";
const metricsServerManifest =
  "https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.8.0/components.yaml";

/** Where a cluster's files are. */
export interface KindPaths {
  readonly kubeconfig: string;
  /** Mounted into the control plane's node at /var/log/stemhub-audit. */
  readonly auditFolder: string;
  readonly auditPolicy: string;
  /** Holds tls.crt and tls.key of the object store. */
  readonly s3Certificates: string;
}

/** A control plane and three workers in three zones, as the local provider has them. */
export function createCluster(name: string, paths: KindPaths): KindCommand {
  const extra = ["create", "cluster", "--name", name, "--kubeconfig", paths.kubeconfig, "--config", "-"];
  return { program: "kind", args: [...extra, "--wait", "120s"], input: kindConfig(paths) };
}

/** Ends it; one that is not there is fine for kind. */
export function deleteCluster(name: string, kubeconfig: string): KindCommand {
  return { program: "kind", args: ["delete", "cluster", "--name", name, "--kubeconfig", kubeconfig] };
}

/** Gives every node an image. */
export function loadArchive(name: string, archive: string): KindCommand {
  return { program: "kind", args: ["load", "image-archive", archive, "--name", name] };
}

/** Pulls a node's cable, or plugs it in; a node's container has the node's name. */
export function cable(action: "connect" | "disconnect", node: string): KindCommand {
  return { program: "docker", args: ["network", action, network, node] };
}

/** Cuts a way out of a node. One that is cut already is an error of ip's. */
export function cutWay(cut: Cut): KindCommand {
  return { program: "docker", args: ["exec", cut.node, "ip", ...cutRule(cut)] };
}

/** Ends every cut of a node. */
export function mendWays(node: string): KindCommand {
  return { program: "docker", args: ["exec", node, "ip", ...mendRules] };
}

/**
 * Takes the API server's manifest out of kubelet's folder and ends its container, which nobody then starts again; or puts
 * the manifest back.
 */
export function apiServer(action: "lose" | "heal", name: string): KindCommand {
  const manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
  const away = "/etc/kubernetes/kube-apiserver.yaml";
  const script = {
    lose: `[ ! -e ${manifest} ] || mv ${manifest} ${away}; crictl ps --quiet --name kube-apiserver | xargs --no-run-if-empty crictl stop --timeout 0`,
    heal: `[ ! -e ${away} ] || mv ${away} ${manifest}`,
  }[action];
  return { program: "docker", args: ["exec", `${name}-control-plane`, "sh", "-ec", script] };
}

/** The object store, a container beside the nodes; its address is asked for afterwards. */
export function runS3(name: string, paths: KindPaths, credentials: { id: string; secret: string }): KindCommand {
  const env = [`ROOT_ACCESS_KEY=${credentials.id}`, `ROOT_SECRET_KEY=${credentials.secret}`];
  const certificate = ["--cert", "/certificates/tls.crt", "--key", "/certificates/tls.key"];
  // A bucket is a directory.
  const folders = s3Buckets.map((bucket) => `/data/${bucket}`).join(" ");
  const serve = ["versitygw", "--port", ":7443", "--region", "auto", ...certificate, "posix", "/data"].join(" ");
  return {
    program: "docker",
    args: [
      ...["run", "--detach", "--restart", "unless-stopped", "--name", s3Container(name), "--network", network],
      ...env.flatMap((variable) => ["--env", variable]),
      ...["--volume", `${paths.s3Certificates}:/certificates:ro`, "--publish", "127.0.0.1::7443"],
      ...["--entrypoint", "sh", s3Image, "-c", `mkdir -p ${folders} && exec ${serve}`],
    ],
  };
}

/** The object store's container. */
export function s3Container(name: string): string {
  return `${name}-s3`;
}

/** metrics-server; kind's kubelets have certificates that nobody signed, hence the flag. */
export function metricsServer(kubeconfig: string): readonly KindCommand[] {
  const kubectl = ["--kubeconfig", kubeconfig];
  const flag = [{ op: "add", path: "/spec/template/spec/containers/0/args/-", value: "--kubelet-insecure-tls" }];
  const patch = ["-n", "kube-system", "patch", "deployment/metrics-server", "--type=json", "-p", JSON.stringify(flag)];
  return [
    { program: "kubectl", args: [...kubectl, "apply", "-f", metricsServerManifest] },
    { program: "kubectl", args: [...kubectl, ...patch] },
  ];
}

/** The Service by which pods find the object store's container. */
export function s3Objects(address: string): readonly object[] {
  const metadata = { name: "s3", namespace: "stemhub-dev" };
  const port = { name: "https", port: 7443 };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: metadata.namespace } },
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [port] } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, name: "s3-host", labels: { "kubernetes.io/service-name": "s3" } },
      addressType: "IPv4",
      ports: [{ ...port, protocol: "TCP" }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ];
}

function kindConfig(paths: KindPaths): string {
  const zones = [1, 2, 3].map((zone) => ({
    role: "worker",
    labels: { "topology.kubernetes.io/region": "local", "topology.kubernetes.io/zone": `zone-${zone}` },
  }));
  const mounts = [
    { hostPath: paths.auditFolder, containerPath: "/var/log/stemhub-audit" },
    { hostPath: paths.auditPolicy, containerPath: "/etc/kubernetes/stemhub-audit.yaml", readOnly: true },
  ];
  return stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    nodes: [{ role: "control-plane", extraMounts: mounts, kubeadmConfigPatches: kubeadmPatches() }, ...zones],
  });
}

/** The local provider's settings. kubeadm changed how it writes them: kind applies the patch whose version it uses. */
function kubeadmPatches(): string[] {
  const api = {
    "audit-policy-file": "/etc/kubernetes/stemhub-audit.yaml",
    "audit-log-path": "/var/log/stemhub-audit/audit.log",
    "audit-log-maxsize": "500",
  };
  const controllers = { "node-monitor-grace-period": "20s", "horizontal-pod-autoscaler-sync-period": "5s" };
  const extraVolumes = [
    { name: "audit-log", hostPath: "/var/log/stemhub-audit", mountPath: "/var/log/stemhub-audit" },
    {
      name: "audit-policy",
      hostPath: "/etc/kubernetes/stemhub-audit.yaml",
      mountPath: "/etc/kubernetes/stemhub-audit.yaml",
      readOnly: true,
      pathType: "File",
    },
  ];
  const asList = (flags: object) => Object.entries(flags).map(([name, value]) => ({ name, value }));
  const patch = (version: string, write: (flags: object) => object) =>
    stringify({
      apiVersion: `kubeadm.k8s.io/${version}`,
      kind: "ClusterConfiguration",
      apiServer: { extraArgs: write(api), extraVolumes },
      controllerManager: { extraArgs: write(controllers) },
    });
  return [patch("v1beta3", (flags) => flags), patch("v1beta4", asList)];
}
