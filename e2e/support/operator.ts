import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { Kubectl } from "./kubectl.ts";
import { operatorRelease } from "./namespace.ts";

/** Where the operator's pods serve /metrics, by the chart's default. */
export const metricsPort = 8080;

/** The operator's pods that are not on their way out. @param system kubectl in the release's namespace. */
export async function operatorPods(system: Kubectl): Promise<KubeObject[]> {
  const pods = await system.list("pods", `app.kubernetes.io/name=${operatorRelease.name}`);
  return pods.filter((pod) => !pod.metadata.deletionTimestamp);
}

/** The pod that holds the Lease. Errors: Error when nobody does, or one that is not there any more. */
export async function operatorLeader(system: Kubectl): Promise<string> {
  const { holderIdentity = "" } = ((await system.get(`lease/${operatorRelease.name}`)).spec ?? {}) as {
    holderIdentity?: string;
  };
  // The identity is the pod's name, and something that differs at each start.
  const leader = (await operatorPods(system)).find((pod) => holderIdentity.startsWith(pod.metadata.name));
  if (!leader) throw new Error(`the Lease is held by "${holderIdentity}", which is no running pod`);
  return leader.metadata.name;
}

/** Starts so many replicas of the operator, or ends all; returns when they are there, or gone. @param system as above */
export async function scaleOperator(system: Kubectl, replicas: number): Promise<void> {
  const name = `deployment/${operatorRelease.name}`;
  await system.run(["scale", name, `--replicas=${replicas}`]);
  if (replicas > 0) await system.run(["rollout", "status", name, "--timeout=60s"], { deadlineMs: 70_000 });
  else await system.wait(`pod -l app.kubernetes.io/name=${operatorRelease.name}`, "delete", 60_000);
}
