import type { KubeObject } from "../runtime/objects.ts";

/** What the test says of a claim: as Kubernetes has one of class fast that is bound and of 10Gi, unless it says otherwise. */
export interface ClaimFacts {
  readonly requested?: string;
  /** null: it is not bound. */
  readonly capacity?: string | null;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  readonly deletionTimestamp?: string;
}

/** The volume claim of a member of `studio`. */
export function aClaim(ordinal: number, facts: ClaimFacts = {}): KubeObject {
  const { requested = "10Gi", conditions = [], deletionTimestamp } = facts;
  const capacity = facts.capacity === undefined ? requested : facts.capacity;
  const labels = { "stemhub.dev/stemhub": "studio" };
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: `data-studio-db-${ordinal}`,
      namespace: "music",
      labels,
      ...(deletionTimestamp ? { deletionTimestamp } : {}),
    },
    spec: { storageClassName: "fast", resources: { requests: { storage: requested } } },
    status: capacity === null ? { phase: "Pending" } : { phase: "Bound", capacity: { storage: capacity }, conditions },
  };
}
