import { readFile } from "node:fs/promises";
import { run } from "../../support/command.ts";
import type { Kubectl } from "../../support/kubectl.ts";
import { waitFor } from "./process.ts";
import type { Layout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

const probeNamespace = "local-path-storage";
const readyDeadlineMs = 120_000;

/** Rights, Services and the StorageClass of what runs on the host for the cluster. Idempotent. */
export async function applyAddons(kubectl: Kubectl, state: ClusterState, layout: Layout): Promise<void> {
  const template = await readFile(new URL("addons.yaml", import.meta.url), "utf8");
  const ca = (await readFile(state.path("pki", "ca.crt"))).toString("base64");
  const input = template.replaceAll("@HOST_IP@", layout.hostAddress).replaceAll("@CA@", ca);
  const { program, kubeconfig } = kubectl.target;
  // Not in one namespace, as kubectl.apply is.
  await run(program, ["--kubeconfig", kubeconfig, "apply", "--server-side", "--force-conflicts", "-f", "-"], { input });
}

/** Waits for every node. Errors: ClusterError when one is not Ready in time. */
export async function nodesReady(kubectl: Kubectl, layout: Layout): Promise<void> {
  await waitFor("all nodes are Ready", readyDeadlineMs, async () => {
    const nodes = (await kubectl.list("nodes")) as unknown as NodeObject[];
    const ready = nodes.filter(({ status }) =>
      status.conditions.some((c) => c.type === "Ready" && c.status === "True"),
    );
    return layout.nodes.every(({ name }) => ready.some(({ metadata }) => metadata.name === name));
  });
}

/** Waits until CoreDNS has read the cluster. */
export async function dnsReady(layout: Layout): Promise<void> {
  await waitFor("CoreDNS is ready", readyDeadlineMs, async () => {
    return (await fetch(`http://${layout.hostAddress}:8181/ready`, { signal: AbortSignal.timeout(2_000) })).ok;
  });
}

/** Waits until metrics-server has measured every node. */
export async function metricsReady(kubectl: Kubectl, layout: Layout): Promise<void> {
  await waitFor("every node is measured", readyDeadlineMs, async () => {
    const text = await kubectl.run(["get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"]);
    return JSON.parse(text).items.length === layout.nodes.length;
  });
}

/**
 * One pod proves the scheduler, a node, names, a Service's address and a volume together.
 * @param image has bash
 */
export async function probe(kubectl: Kubectl, image: string): Promise<void> {
  const inside = kubectl.in(probeNamespace);
  await inside.delete("pod/probe pvc/probe", { wait: true });
  await waitFor("the default ServiceAccount is there", readyDeadlineMs, async () => {
    return (await inside.find("serviceaccount/default")) !== undefined;
  });
  const metadata = { name: "probe", namespace: probeNamespace };
  const connect = "getent hosts kubernetes.default; exec 3<>/dev/tcp/kubernetes.default/443; echo written >/data/file";
  await inside.apply(
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata,
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: {
        restartPolicy: "OnFailure", // kube-proxy may not know the Service yet.
        containers: [
          {
            name: "probe",
            image,
            imagePullPolicy: "Never",
            command: ["timeout", "5", "bash", "-ec", connect],
            volumeMounts: [{ name: "data", mountPath: "/data" }],
          },
        ],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "probe" } }],
      },
    },
  );
  await inside.wait("pod/probe", "jsonpath={.status.phase}=Succeeded", readyDeadlineMs);
  await inside.delete("pod/probe pvc/probe");
}

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}
