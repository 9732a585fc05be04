import type { Kubectl } from "./kubectl.ts";

/** Signals that faults are made with. */
export type Signal = "KILL" | "STOP" | "CONT";

/** Makes a namespace in which pods may do to a node what faults do, or finds it; returns kubectl in it. */
export async function privilegedNamespace(kubectl: Kubectl, name: string): Promise<Kubectl> {
  const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
  await kubectl.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  return kubectl.in(name);
}

/** A pod that starts, sends a signal and ends. */
const signalDeadlineMs = 60_000;

/**
 * Signals the main process of a container from its node: the kernel keeps a container's first process from being killed
 * by its own. By a privileged pod, so it works with every provider; only tests have such rights.
 *
 * @param kubectl in a namespace whose Pod Security admits privileged pods
 * @param target in any namespace
 */
export async function signalMainProcess(
  kubectl: Kubectl,
  target: { readonly node: string; readonly podUid: string; readonly command: string; readonly image: string },
  signal: Signal,
): Promise<void> {
  const name = `signal-${target.podUid.slice(0, 8)}-${signal.toLowerCase()}`;
  // kubelet names a pod's cgroup by its uid, with dashes or underscores.
  const script = `
    set -euo pipefail
    uid='${target.podUid.replaceAll("-", "[-_]")}'
    for process in /proc/[0-9]*; do
      if grep -qs "$uid" "$process/cgroup" && tr '\\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q '${target.command}'; then
        kill -${signal} "\${process#/proc/}"
        exit 0
      fi
    done
    echo "no process of the pod has '${target.command}' in its command" >&2
    exit 1`;
  await kubectl.delete(`pod/${name}`, { wait: true, force: true });
  await kubectl.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: target.node,
      hostPID: true,
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [
        {
          name: "signal",
          image: target.image,
          imagePullPolicy: "IfNotPresent",
          command: ["bash", "-c", script],
          securityContext: { privileged: true, runAsUser: 0 },
        },
      ],
    },
  });
  await kubectl.wait(`pod/${name}`, "jsonpath={.status.phase}=Succeeded", signalDeadlineMs);
  await kubectl.delete(`pod/${name}`, { force: true });
}

/**
 * Signals the process of a component's one pod, as signalMainProcess does.
 *
 * @param kubectl in the component's namespace
 * @param target.nodes kubectl in a namespace that admits privileged pods
 * Errors: where the component has no pod.
 */
export async function signalComponent(
  kubectl: Kubectl,
  { component, nodes, ...target }: SignalledComponent,
  signal: Signal,
): Promise<void> {
  const [pod] = await kubectl.list("pods", `app.kubernetes.io/component=${component}`);
  if (!pod) throw new Error(`there is no pod of ${component}`);
  const { nodeName: node } = pod.spec as { nodeName: string };
  await signalMainProcess(nodes, { node, podUid: pod.metadata.uid ?? "", ...target }, signal);
}

interface SignalledComponent {
  readonly component: string;
  /** Stands in the process's command line. */
  readonly command: string;
  readonly nodes: Kubectl;
  readonly image: string;
}
