import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { parseQuantity, sameQuantity } from "../../runtime/quantity.ts";
import { childNames } from "../names.ts";
import { StalledError } from "../stalled.ts";
import { memberClaim } from "./topology.ts";

/** A quantity of bytes, as the spec and Kubernetes write it. */
type Size = string | number;

/** What growth is decided by. */
export interface GrowthFacts {
  readonly stemhub: StemHub;
  /** All volume claims of the StemHub, of members that have left too. */
  readonly claims: readonly KubeObject[];
}

/** A claim that is to ask for more than it does. */
export interface Ask {
  readonly claim: string;
  readonly className: string;
  readonly from: Size;
  readonly to: Size;
}

/** What is to be done now so that every wanted member's volume has the size of the spec, at least. */
export interface GrowthDecision {
  readonly asks: readonly Ask[];
  /** What is not of that size yet; undefined when all are. */
  readonly waiting: { readonly reason: "VolumesGrowing"; readonly message: string } | undefined;
}

/** How soon a refusal is tried again: a class may have been mended, and that wakes nobody. */
export const refusalPollMs = 60_000;

/**
 * Claims of wanted members ask for the spec's size where they ask for less; Kubernetes and the class's driver do the rest.
 *
 * Guarantees: no claim is ever asked to shrink, one that is larger stays so, and those of members that have left are let
 * alone until they return. Only bound ones are asked: Kubernetes refuses it for others.
 */
export function decideGrowth(facts: GrowthFacts): GrowthDecision {
  const to = facts.stemhub.spec.database.storage.size;
  const small = wantedClaims(facts).filter((claim) => isSmaller(claim, to));
  const asks = small
    .filter((claim) => claim.bound && less(claim.requested, to))
    .map(({ name, className, requested }) => ({ claim: name, className, from: requested, to }));
  const [first] = small;
  if (!first) return { asks, waiting: undefined };
  const names = small.map(({ name }) => name).join(", ");
  const trouble = small.map(troubleOf).find((words) => words !== undefined) ?? "";
  const message = `To grow to ${to}: ${names}.${trouble} Should it last: kubectl describe pvc ${first.name}.`;
  return { asks, waiting: { reason: "VolumesGrowing", message } };
}

/** What a claim is sent, by merge patch. */
export function growthPatch({ to }: Ask): object {
  return { spec: { resources: { requests: { storage: to } } } };
}

/**
 * The API server does not let a claim grow: its class forbids it, a quota is used up, or the operator lacks the right. The
 * members serve on as they are. Going back is open: the CRD lets the size go down to what the smallest volume has.
 */
export function volumeNotExpandable({ claim, className, from, to }: Ask, refusal: string): StalledError {
  return new StalledError(
    "VolumeNotExpandable",
    `${claim}, of StorageClass ${className}, cannot grow from ${from} to ${to}: ${refusal}. Set spec.database.storage.size back to ${from}, or mend what is said here: a class lets volumes grow with allowVolumeExpansion: true.`,
  );
}

/**
 * The size in the StatefulSet's template, which Kubernetes lets nobody change: what it was made with. Members that are
 * added later are born with it, and grow at once (docs/decisions/0012-volumes-grow-by-their-claims.md).
 */
export function templateSize({ spec }: StemHub, statefulSet: KubeObject | undefined): Size {
  const live = statefulSet?.spec as { volumeClaimTemplates?: readonly KubeObject[] } | undefined;
  const template = live?.volumeClaimTemplates?.[0];
  return (template && requestOf(template)) ?? spec.database.storage.size;
}

/** What the smallest volume of a wanted member holds, by Kubernetes' word; undefined while none is bound. */
export function smallestVolume(facts: GrowthFacts): string | undefined {
  return wantedClaims(facts)
    .flatMap(({ capacity }) => capacity ?? [])
    .reduce<string | undefined>((least, one) => (least === undefined || less(one, least) ? one : least), undefined);
}

/** What growth reads of a claim. */
interface Claim {
  readonly name: string;
  readonly bound: boolean;
  /** Where the spec names none, the default one: Kubernetes has written it into the claim. */
  readonly className: string;
  readonly requested: Size;
  /** Absent until it is bound. */
  readonly capacity: string | undefined;
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

/** One that ends is left out: the StatefulSet makes another. */
function wantedClaims({ stemhub, claims }: GrowthFacts): Claim[] {
  const { database } = childNames(stemhub.metadata.name);
  const pods = Array.from({ length: stemhub.spec.database.instances }, (_, ordinal) => `${database}-${ordinal}`);
  return pods.flatMap((pod) => {
    const found = claims.find(({ metadata }) => metadata.name === memberClaim(pod) && !metadata.deletionTimestamp);
    return found ? [claimOf(found)] : [];
  });
}

function claimOf(claim: KubeObject): Claim {
  const status = (claim.status ?? {}) as {
    readonly phase?: string;
    readonly capacity?: { readonly storage?: string };
    readonly conditions?: Claim["conditions"];
  };
  return {
    name: claim.metadata.name,
    bound: status.phase === "Bound",
    className: (claim.spec as { storageClassName?: string }).storageClassName ?? "(none)",
    requested: requestOf(claim) ?? 0,
    capacity: status.capacity?.storage,
    conditions: (status.conditions ?? []).filter((condition) => condition.status === "True"),
  };
}

/** Of one that is not bound only its request is known. */
function isSmaller({ capacity, requested, conditions }: Claim, size: Size): boolean {
  return less(capacity ?? requested, size) || conditions.some(({ type }) => type === "FileSystemResizePending");
}

/** What Kubernetes says of a claim that does not grow, as a sentence. */
function troubleOf({ name, conditions }: Claim): string | undefined {
  const failed = conditions.find(({ type }) => type === "ControllerResizeError" || type === "NodeResizeError");
  if (failed) return ` ${name} says ${failed.type}: ${failed.message ?? "nothing more"}.`;
  if (!conditions.some(({ type }) => type === "FileSystemResizePending")) return undefined;
  return ` The filesystem of ${name} waits for its node, and with some drivers for the next start of its pod.`;
}

function requestOf({ spec }: KubeObject): Size | undefined {
  return (spec as { resources?: { requests?: { storage?: Size } } } | undefined)?.resources?.requests?.storage;
}

function less(a: Size, b: Size): boolean {
  return (parseQuantity(a) ?? 0) < (parseQuantity(b) ?? 0) && !sameQuantity(a, b);
}
