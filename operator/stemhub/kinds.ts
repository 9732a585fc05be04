import type { KubeObject, ResourceKind } from "../runtime/objects.ts";
import { patroniLabels } from "./postgres/patroni.ts";

const kind = (apiVersion: string, name: string, plural: string): ResourceKind => ({ apiVersion, kind: name, plural });

/** Every kind of Kubernetes that the operator makes or reads. */
export const kinds = {
  configMap: kind("v1", "ConfigMap", "configmaps"),
  secret: kind("v1", "Secret", "secrets"),
  service: kind("v1", "Service", "services"),
  serviceAccount: kind("v1", "ServiceAccount", "serviceaccounts"),
  pod: kind("v1", "Pod", "pods"),
  claim: kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  statefulSet: kind("apps/v1", "StatefulSet", "statefulsets"),
  deployment: kind("apps/v1", "Deployment", "deployments"),
  job: kind("batch/v1", "Job", "jobs"),
  autoscaler: kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
  disruptionBudget: kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  role: kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
  roleBinding: kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
} as const;

/**
 * Kinds whose objects are removed when the spec no longer asks for them. Not Secrets and claims: they hold what cannot
 * be made again. Not Jobs: they are the evidence of a migration, and release/ decides how long it is kept.
 */
export const prunedKinds: readonly ResourceKind[] = [
  kinds.deployment,
  kinds.autoscaler,
  kinds.disruptionBudget,
  kinds.service,
  kinds.configMap,
  kinds.serviceAccount,
];

/** An owned kind, and whether a change of one of its objects is worth a pass. */
export interface OwnedKind {
  readonly kind: ResourceKind;
  readonly changed?: (old: KubeObject, object: KubeObject) => boolean;
}

/** What the operator watches in a StemHub's namespace. */
export const ownedKinds: readonly OwnedKind[] = Object.values(kinds).map((owned) => {
  switch (owned) {
    case kinds.pod:
      return { kind: owned, changed: podChanged };
    case kinds.configMap:
      return { kind: owned, changed: configMapChanged };
    default:
      return { kind: owned };
  }
});

/** Patroni writes its position into a pod's annotation at every beat: only what a decision reads is a change. */
export function podChanged(old: KubeObject, pod: KubeObject): boolean {
  const facts = (p: KubeObject) =>
    JSON.stringify([p.metadata.labels?.[patroniLabels.role], p.metadata.deletionTimestamp, p.status]);
  return facts(old) !== facts(pod);
}

/** Likewise its lock, renewed every few seconds: the holder and the standbys count, the time of renewal does not. */
export function configMapChanged(old: KubeObject, configMap: KubeObject): boolean {
  const facts = ({ metadata, ...rest }: KubeObject) => {
    const { leader, sync_standby, initialize, config } = metadata.annotations ?? {};
    return JSON.stringify([rest.data, metadata.labels, leader, sync_standby, initialize, config]);
  };
  return facts(old) !== facts(configMap);
}
