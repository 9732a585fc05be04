import type { KubeApi } from "./api.ts";
import type { Metrics } from "./metrics.ts";
import type { ResourceKind } from "./objects.ts";

export interface ConnectOptions {
  /** Path of a kubeconfig. Absent: the pod's own ServiceAccount. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly fieldManager: string;
  readonly userAgent: string;
  /** Kinds beyond Kubernetes' own that are written (their plural cannot be guessed). */
  readonly kinds?: readonly ResourceKind[];
  readonly metrics?: Metrics;
}

/** A client for the API server that a kubeconfig names, or that the pod runs on. */
export function connect(_options: ConnectOptions): Promise<KubeApi> {
  throw new Error("not built yet");
}
