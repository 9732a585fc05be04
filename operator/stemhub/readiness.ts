import type { Verdict } from "./conditions.ts";

/** What went wrong in a pass, if anything did. */
export type Failure =
  /** Only a person can mend it: a StalledError. */
  | { readonly kind: "stalled"; readonly reason: string; readonly message: string }
  /** It is tried again by itself. */
  | { readonly kind: "retrying"; readonly reason: string; readonly message: string };

/** What Ready, Reconciling and Stalled are judged from. */
export interface ReadinessFacts {
  readonly databaseAvailable: Verdict;
  readonly databaseRedundant: Verdict;
  readonly appAvailable: Verdict;
  /** True while a release is on its way; False and not "Failed" when it has arrived. */
  readonly releaseProgressing: Verdict;
  /** What of the spec the database's members do not carry yet. */
  readonly databaseChange: { readonly reason: string; readonly message: string } | undefined;
  /** The release cannot arrive without a new spec: a failed migration. */
  readonly releaseFailed: boolean;
  readonly failure: Failure | undefined;
  /** The gateway lets nothing through yet, since the operator has not had an answer from the database. */
  readonly starting: boolean;
}

/** One rule: what Ready is when it speaks. `stalled` when only a person can mend it. */
interface Readiness {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly stalled?: true;
}

type Rule = (facts: ReadinessFacts) => Readiness | undefined;

/** Ready is the first rule that speaks. The order is what a reader at 3 a.m. needs first: cause before consequence. */
const rules: readonly Rule[] = [
  /** Nothing else is true of a spec that could not be carried out. */
  function stalled({ failure }) {
    return failure?.kind === "stalled" ? { status: "False", ...said(failure), stalled: true } : undefined;
  },
  function databaseUnavailable({ databaseAvailable }) {
    return databaseAvailable.status === "True" ? undefined : { status: "False", ...said(databaseAvailable) };
  },
  /** Before the consequence: the former release may well be serving. */
  function releaseFailing({ releaseFailed, releaseProgressing }) {
    return releaseFailed ? { status: "False", ...said(releaseProgressing), stalled: true } : undefined;
  },
  function appUnavailable({ appAvailable }) {
    return appAvailable.status === "True" ? undefined : { status: "False", ...said(appAvailable) };
  },
  function retrying({ failure }) {
    return failure ? { status: "Unknown", ...said(failure) } : undefined;
  },
  /** A database that has never been whole. One that was whole and lost a member still serves, and stays Ready. */
  function databaseForming({ databaseRedundant }) {
    return databaseRedundant.reason === "Forming" ? { status: "False", ...said(databaseRedundant) } : undefined;
  },
  function databaseChanging({ databaseChange }) {
    return databaseChange ? { status: "Unknown", ...said(databaseChange) } : undefined;
  },
  function modeStarting({ starting }) {
    if (!starting) return undefined;
    const message = "The database is up, and the operator's first write and read through its Service are under way.";
    return { status: "False", reason: "Starting", message };
  },
  function releaseArriving({ releaseProgressing }) {
    return releaseProgressing.status === "True" ? { status: "Unknown", ...said(releaseProgressing) } : undefined;
  },
];

/**
 * Ready, with Reconciling or Stalled where they are true: what kubectl wait, Argo CD and Flux read (kstatus).
 * Guarantees: never Ready True beside either of them, never both of them.
 */
export function readiness(facts: ReadinessFacts): Verdict[] {
  const spoken = rules.map((rule) => rule(facts)).find((result) => result !== undefined);
  if (!spoken) {
    return [{ type: "Ready", status: "True", reason: "AllAvailable", message: "Database and app are available." }];
  }
  const { status, reason, message } = spoken;
  return [
    { type: "Ready", status, reason, message },
    { type: spoken.stalled ? "Stalled" : "Reconciling", status: "True", reason, message },
  ];
}

function said({ reason, message }: { readonly reason: string; readonly message: string }) {
  return { reason, message };
}
