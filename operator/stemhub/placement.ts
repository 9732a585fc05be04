import type { KubeObject, ObjectMeta } from "../runtime/objects.ts";

/**
 * A drain may take one of a part's pods at a time. Nothing for a part that has one pod: a budget of one protects nothing
 * while that is ready, and holds up a drain while it is not, since Kubernetes evicts a pod that is not ready only where
 * some other one must be.
 */
export function disruptionBudget(metadata: ObjectMeta, matchLabels: Readonly<Record<string, string>>): KubeObject {
  const spec = { maxUnavailable: 1, selector: { matchLabels } };
  return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec };
}

/**
 * Pods of one part on as many nodes as there are. `ScheduleAnyway` where a pod on a crowded node is better than none;
 * `DoNotSchedule` where two on one node would be lost together. A node that takes no pods does not count then, so a lost
 * node never leaves a pod without a place.
 */
export function spreadOverNodes(
  matchLabels: Readonly<Record<string, string>>,
  whenUnsatisfiable: "ScheduleAnyway" | "DoNotSchedule" = "ScheduleAnyway",
) {
  return [
    {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable,
      ...(whenUnsatisfiable === "DoNotSchedule" ? { nodeTaintsPolicy: "Honor" } : {}),
      labelSelector: { matchLabels },
    },
  ];
}

/**
 * How a Deployment's pods are replaced: a new one serves before an old one ends, so the number that serves never falls
 * below what is wanted. A pod counts 2 s after it is ready: kube-proxy leads to it on each node in its own time, at most
 * once a second, and a pod that counts at once was answered for with 502.
 */
export const rollWithoutLoss = {
  strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
  minReadySeconds: 2,
} as const;

/**
 * Seconds that an ending pod still takes requests. Endpoints, kube-proxy and those who send learn of its end one after
 * another; until they have, requests still arrive.
 */
export const drainFirst = { preStop: { sleep: { seconds: 5 } } } as const;
