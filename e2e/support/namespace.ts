import type { Kubectl } from "./kubectl.ts";

/** How the chart is installed everywhere here: one release, in a namespace of its own. */
export const operatorRelease = {
  name: "stemhub-operator",
  namespace: "stemhub-system",
  serviceAccount: "stemhub-operator",
} as const;

/** Every pod of ours must start under the strictest of Kubernetes' standards, so every namespace here asks for it. */
const restricted = { "pod-security.kubernetes.io/enforce": "restricted" } as const;

/** Long enough for the pods in it to end; a volume is removed by a short pod. */
export const removalDeadlineMs = 120_000;

/**
 * Makes a namespace, or finds it, and returns kubectl in it.
 *
 * @param options.fresh what an earlier run left in it is removed first.
 * @param options.bound the operator gets its rights in it, by the command that the docs give to an admin.
 */
export async function namespaceFor(
  kubectl: Kubectl,
  name: string,
  options: { readonly fresh?: boolean; readonly bound?: boolean } = {},
): Promise<Kubectl> {
  if (options.fresh) await kubectl.delete(`namespace/${name}`, { wait: true, deadlineMs: removalDeadlineMs });
  await kubectl.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: restricted } });
  const inside = kubectl.in(name);
  if (options.bound) await bindOperator(inside);
  return inside;
}

/** Gives the operator its rights in kubectl's namespace. */
export async function bindOperator(kubectl: Kubectl): Promise<void> {
  if (await kubectl.find(`rolebinding/${operatorRelease.name}`)) return;
  await kubectl.run(bindCommand(kubectl.namespace).slice(1));
}

/** The command of docs/install.md, word by word. */
function bindCommand(namespace: string): readonly string[] {
  return [
    "kubectl",
    "create",
    "rolebinding",
    operatorRelease.name,
    `--clusterrole=${operatorRelease.name}-namespace`,
    `--serviceaccount=${operatorRelease.namespace}:${operatorRelease.serviceAccount}`,
    `--namespace=${namespace}`,
  ];
}
