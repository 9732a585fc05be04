import type { Cluster } from "../e2e/cluster/cluster.ts";
import { databaseFaults, type Fault } from "../e2e/support/database-faults.ts";

/** A fault of which the bench makes figures. */
export interface FailoverCase extends Fault {
  /** For the plot. */
  readonly label: string;
  /** Pods of the load and its clients keep off the primary's node, and a patient reader reads on. */
  readonly losesNode: boolean;
  /** Not where plain Patroni does not come back by itself: its documentation's pods have no liveness probe. */
  readonly withPeer: boolean;
  /** What ends it, where it does not end by itself. Idempotent. */
  readonly ends?: (node: string) => Promise<void>;
  /** Upper bounds of the medians. */
  readonly targets: {
    readonly writeGapSeconds?: number;
    /** The write gap must be no longer than that of plain Patroni. */
    readonly noWorseThanPeer: boolean;
    readonly readsFailed?: number;
  };
}

/** By name, in the order in which they are tried and shown. The last one of Kubernetes' own gives every member a new pod. */
const shown: Readonly<Record<string, { readonly label: string; readonly bound: boolean }>> = {
  "pod-delete": { label: "pod deleted", bound: true },
  sigkill: { label: "SIGKILL of postgres", bound: true },
  "forced-delete": { label: "pod deleted by force", bound: true },
  switchover: { label: "switchover", bound: true },
  "sigkill-patroni": { label: "SIGKILL of Patroni", bound: false },
  hang: { label: "postgres hangs (SIGSTOP)", bound: false },
  "all-pods": { label: "all three pods deleted", bound: false },
};

/** What the issue asks for where `bound`: three seconds, and no worse than plain Patroni. */
const writeGapSeconds = 3;

/** Cutting the primary's node off, and what is asked of it. */
const nodeCut = {
  name: "node-cut",
  label: "node cut off",
  fault: "the primary's node is cut off",
  // From healing on.
  wholeWithinSeconds: 90,
  losesNode: true,
  withPeer: true,
  targets: { noWorseThanPeer: true, readsFailed: 6 },
} as const;

/** The names by which a fault is asked for, in their order. */
export const failoverCaseNames: readonly string[] = [...Object.keys(shown), nodeCut.name];

/** Name and label of each, for whoever shows figures. */
export const failoverLabels: readonly { readonly name: string; readonly label: string }[] = [
  ...Object.entries(shown).map(([name, { label }]) => ({ name, label })),
  { name: nodeCut.name, label: nodeCut.label },
];

/** Every fault, on a cluster; or the one that was asked for. Errors: RangeError for a name that is none of failoverCaseNames. */
export function failoverCases(cluster: Pick<Cluster, "loseNode" | "healNode">, only?: string): FailoverCase[] {
  const ofPods = Object.entries(shown).map(([name, { label, bound }]): FailoverCase => {
    const fault = databaseFaults.find((one) => one.name === name);
    if (!fault) throw new RangeError(`there is no fault ${name}`);
    const targets = bound ? { writeGapSeconds, noWorseThanPeer: true } : { noWorseThanPeer: false };
    return { ...fault, label, losesNode: false, withPeer: name !== "hang", targets };
  });
  const all: FailoverCase[] = [
    ...ofPods,
    {
      ...nodeCut,
      happens: async ({ kubectl }, primary) => {
        const { spec } = await kubectl.get(`pod/${primary}`);
        await cluster.loseNode((spec as { nodeName: string }).nodeName);
      },
      ends: (node) => cluster.healNode(node),
    },
  ];
  const chosen = only === undefined ? all : all.filter(({ name }) => name === only);
  if (chosen.length === 0) throw new RangeError(`no fault ${only}; there are ${failoverCaseNames.join(", ")}`);
  return chosen;
}
