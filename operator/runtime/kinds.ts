import { type KubeObject, kindId, type ResourceKind } from "./objects.ts";

const kind = (apiVersion: string, name: string, plural: string): ResourceKind => ({ apiVersion, kind: name, plural });

/** Kubernetes' own kinds that an operator meets, by their plural. */
export const kinds = {
  configMaps: kind("v1", "ConfigMap", "configmaps"),
  endpoints: kind("v1", "Endpoints", "endpoints"),
  namespaces: kind("v1", "Namespace", "namespaces"),
  nodes: kind("v1", "Node", "nodes"),
  persistentVolumeClaims: kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  pods: kind("v1", "Pod", "pods"),
  secrets: kind("v1", "Secret", "secrets"),
  serviceAccounts: kind("v1", "ServiceAccount", "serviceaccounts"),
  services: kind("v1", "Service", "services"),
  daemonSets: kind("apps/v1", "DaemonSet", "daemonsets"),
  deployments: kind("apps/v1", "Deployment", "deployments"),
  replicaSets: kind("apps/v1", "ReplicaSet", "replicasets"),
  statefulSets: kind("apps/v1", "StatefulSet", "statefulsets"),
  horizontalPodAutoscalers: kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
  cronJobs: kind("batch/v1", "CronJob", "cronjobs"),
  jobs: kind("batch/v1", "Job", "jobs"),
  leases: kind("coordination.k8s.io/v1", "Lease", "leases"),
  endpointSlices: kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
  events: kind("events.k8s.io/v1", "Event", "events"),
  ingresses: kind("networking.k8s.io/v1", "Ingress", "ingresses"),
  networkPolicies: kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  podDisruptionBudgets: kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  roleBindings: kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
  roles: kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
  clusterRoleBindings: kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"),
  clusterRoles: kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
  storageClasses: kind("storage.k8s.io/v1", "StorageClass", "storageclasses"),
  customResourceDefinitions: kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
} as const satisfies Record<string, ResourceKind>;

/** From an object to the word in its URL. Throws for a kind it was not told of: a plural cannot be guessed. */
export class KindTable {
  readonly #byId = new Map<string, ResourceKind>();

  constructor(more: readonly ResourceKind[] = []) {
    for (const one of [...Object.values(kinds), ...more]) this.#byId.set(kindId(one), one);
  }

  of(object: Pick<KubeObject, "apiVersion" | "kind">): ResourceKind {
    const found = this.#byId.get(kindId(object));
    if (!found) throw new Error(`kind ${kindId(object)} is unknown: name it in connect({ kinds })`);
    return found;
  }
}
