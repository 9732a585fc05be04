import type { KubeObject } from "../runtime/objects.ts";

/** What a test says about a pod; the rest is a healthy pod's. */
export interface PodFacts {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly ready?: boolean;
  readonly node?: string;
  readonly deleting?: boolean;
}

/** A pod as kubelet reports it. */
export function aPod(facts: PodFacts): KubeObject {
  const { name, labels = {}, annotations = {}, ready = true, node = "n1", deleting = false } = facts;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "music",
      labels,
      annotations,
      ...(deleting ? { deletionTimestamp: "2026-01-15T12:00:00Z" } : {}),
    },
    spec: { nodeName: node },
    status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}
