import type { StemHub } from "../api/stemhub.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { childMetadata, type Part } from "./metadata.ts";
import { childNames } from "./names.ts";

/** One rule of a Role. */
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/**
 * Who a part is to the API server, and what it may do there: a ServiceAccount, a Role and its binding, all of the part's
 * name. Its pods have no token unless they ask for one.
 */
export function accessOf(stemhub: StemHub, name: string, part: Part, rules: readonly Rule[]): KubeObject[] {
  const metadata = childMetadata(stemhub, name, part);
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: stemhub.metadata.namespace ?? "" }],
    },
  ];
}

/**
 * To read the one ConfigMap with the mode, and nothing else. `list` and `watch` are asked for with its name as field
 * selector, and by that the authorizer matches resourceNames.
 */
export function mayReadMode(stemhub: StemHub): Rule {
  const { mode } = childNames(stemhub.metadata.name);
  return { apiGroups: [""], resources: ["configmaps"], resourceNames: [mode], verbs: ["get", "list", "watch"] };
}
