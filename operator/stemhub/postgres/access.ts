import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata } from "../metadata.ts";
import { childNames } from "../names.ts";

/**
 * Who Patroni is to the API server, and what it may do there: its own ConfigMaps, and the labels of pods. It cannot be
 * narrowed by resourceNames: `create` and `list` know no names.
 */
export function databaseAccess(stemhub: StemHub): KubeObject[] {
  const name = childNames(stemhub.metadata.name).database;
  const metadata = childMetadata(stemhub, name, "database");
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata,
      rules: [
        {
          apiGroups: [""],
          resources: ["configmaps"],
          verbs: ["create", "get", "list", "patch", "update", "watch", "delete"],
        },
        { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "patch", "update", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: stemhub.metadata.namespace ?? "" }],
    },
  ];
}
