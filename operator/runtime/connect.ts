import type { KubeApi } from "./api.ts";
import { ApiClient } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Credentials, inClusterCredentials, kubeconfigCredentials } from "./credentials.ts";
import { HttpClient } from "./http.ts";
import { KindTable } from "./kinds.ts";
import type { Metrics } from "./metrics.ts";
import type { ResourceKind } from "./objects.ts";

export interface ConnectOptions {
  /** Path of a kubeconfig. Absent: the pod's own ServiceAccount. */
  readonly kubeconfig?: string;
  /** A context of the kubeconfig. Default: its current one. */
  readonly context?: string;
  /** Instead of a kubeconfig: a server and how to be let in. */
  readonly credentials?: Credentials;
  /** Owner of the fields that `apply` sets, e.g. "stemhub-operator". */
  readonly fieldManager: string;
  /** As the audit log shows it. Default: the field manager. */
  readonly userAgent?: string;
  /** Kinds beyond Kubernetes' own that are written. */
  readonly kinds?: readonly ResourceKind[];
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  /** Where KUBERNETES_SERVICE_HOST and _PORT are looked up. Default process.env: the kubelet sets them. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * A client for the API server that a kubeconfig names, or that the pod runs on. No request is sent yet.
 *
 * Errors: plain Error when the kubeconfig cannot be read or this is no pod.
 */
export async function connect(options: ConnectOptions): Promise<KubeApi> {
  const clock = options.clock ?? systemClock;
  const credentials =
    options.credentials ??
    (options.kubeconfig
      ? await kubeconfigCredentials(options.kubeconfig, options.context)
      : await inClusterCredentials(clock, options.env ?? process.env));
  return new ApiClient({
    http: new HttpClient(credentials, clock, options.userAgent ?? options.fieldManager),
    table: new KindTable(options.kinds),
    fieldManager: options.fieldManager,
    ...(options.metrics ? { metrics: options.metrics } : {}),
    leashes: [],
  });
}
