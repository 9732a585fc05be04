import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { accessOf } from "../access.ts";
import { childNames } from "../names.ts";

/**
 * Who Patroni is to the API server, and what it may do there: its own ConfigMaps, and the labels of pods. It cannot be
 * narrowed by resourceNames: `create` and `list` know no names.
 */
export function databaseAccess(stemhub: StemHub): KubeObject[] {
  return accessOf(stemhub, childNames(stemhub.metadata.name).database, "database", [
    {
      apiGroups: [""],
      resources: ["configmaps"],
      verbs: ["create", "get", "list", "patch", "update", "watch", "delete"],
    },
    { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "patch", "update", "watch"] },
  ]);
}
