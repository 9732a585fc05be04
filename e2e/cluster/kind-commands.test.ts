import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  apiServer,
  cable,
  createCluster,
  cutWay,
  deleteCluster,
  loadArchive,
  mendWays,
  runS3,
  s3Objects,
} from "./kind-commands.ts";

const paths = {
  kubeconfig: "/state/kubeconfig",
  auditFolder: "/state/audit",
  auditPolicy: "/state/audit-policy.yaml",
  s3Certificates: "/state/s3",
};

/* kind cannot be run where this was written: what it is told is what can be tested. */

test("a cluster has a control plane and three workers in three zones", () => {
  const { program, args, input } = createCluster("studio", paths);
  expect([program, ...args].join(" ")).toBe(
    "kind create cluster --name studio --kubeconfig /state/kubeconfig --config - --wait 120s",
  );
  const config = parse(input ?? "");
  expect(config.nodes.map((node: { role: string }) => node.role)).toEqual([
    "control-plane",
    "worker",
    "worker",
    "worker",
  ]);
  const zones = config.nodes.map((node: { labels?: object }) => Object.values(node.labels ?? {}).at(-1));
  expect(zones).toEqual([undefined, "zone-1", "zone-2", "zone-3"]);
});

test.each([
  ["v1beta3", (flags: Record<string, string>) => flags],
  ["v1beta4", (flags: { name: string; value: string }[]) => Object.fromEntries(flags.map((f) => [f.name, f.value]))],
])("kubeadm %s is told of the audit log and of short waits", (version, read) => {
  const [controlPlane] = parse(createCluster("studio", paths).input ?? "").nodes;
  const patches = controlPlane.kubeadmConfigPatches.map((text: string) => parse(text));
  const patch = patches.find(
    (candidate: { apiVersion: string }) => candidate.apiVersion === `kubeadm.k8s.io/${version}`,
  );
  expect(read(patch.controllerManager.extraArgs)).toEqual({
    "node-monitor-grace-period": "20s",
    "horizontal-pod-autoscaler-sync-period": "5s",
  });
  const api = read(patch.apiServer.extraArgs);
  const mounted = controlPlane.extraMounts.map((mount: { containerPath: string }) => mount.containerPath);
  expect(mounted).toContain(api["audit-policy-file"]);
  expect(api["audit-log-path"]).toBe(`${mounted[0]}/audit.log`);
});

test("images, nodes and the end are told in kind's and docker's words", () => {
  const lines = [
    loadArchive("studio", "/images/a.tar"),
    cable("disconnect", "studio-worker2"),
    cable("connect", "studio-worker2"),
    deleteCluster("studio", paths.kubeconfig),
  ].map(({ program, args }) => [program, ...args].join(" "));
  expect(lines).toEqual([
    "kind load image-archive /images/a.tar --name studio",
    "docker network disconnect kind studio-worker2",
    "docker network connect kind studio-worker2",
    "kind delete cluster --name studio --kubeconfig /state/kubeconfig",
  ]);
});

test("ways are cut by the node that packets leave, and mended there", () => {
  const cut = { node: "studio-worker2", from: "10.244.2.7", to: "172.18.0.3" };
  const lines = [cutWay(cut), cutWay({ ...cut, port: 6443 }), mendWays("studio-worker2")].map(({ args }) =>
    args.join(" "),
  );
  expect(lines).toEqual([
    "exec studio-worker2 ip rule add priority 100 from 10.244.2.7 to 172.18.0.3 blackhole",
    "exec studio-worker2 ip rule add priority 100 from 10.244.2.7 to 172.18.0.3 ipproto tcp dport 6443 blackhole",
    "exec studio-worker2 ip rule flush priority 100",
  ]);
});

test("the API server is lost by its manifest, which kubelet gets back", () => {
  const [lose, heal] = [apiServer("lose", "studio").args, apiServer("heal", "studio").args];
  expect(lose.slice(0, 4)).toEqual(["exec", "studio-control-plane", "sh", "-ec"]);
  const [manifest, away] = ["/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/kube-apiserver.yaml"];
  // The manifest first: kubelet starts a container again while there is one.
  expect(lose.at(-1)).toMatch(new RegExp(`^\\[ ! -e ${manifest} \\] \\|\\| mv ${manifest} ${away}; .*crictl stop`));
  expect(heal.at(-1)).toBe(`[ ! -e ${away} ] || mv ${away} ${manifest}`);
});

test("the object store has TLS, both buckets, and a Service that leads to its container", () => {
  const { args } = runS3("studio", paths, { id: "id", secret: "secret" });
  expect(args).toContain("/state/s3:/certificates:ro");
  expect(args.at(-1)).toBe(
    "mkdir -p /data/stemhub /data/backup && exec versitygw --port :7443 --region auto " +
      "--cert /certificates/tls.crt --key /certificates/tls.key posix /data",
  );
  expect(s3Objects("172.18.0.9").at(-1)).toMatchObject({
    metadata: { namespace: "stemhub-dev", labels: { "kubernetes.io/service-name": "s3" } },
    endpoints: [{ addresses: ["172.18.0.9"] }],
  });
});
