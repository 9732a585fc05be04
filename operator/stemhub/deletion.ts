import type { StemHub } from "../api/stemhub.ts";
import type { KubeObject, ResourceKind } from "../runtime/objects.ts";
import { kinds } from "./kinds.ts";
import { childNames, patroniStoreNames } from "./names.ts";
import type { World } from "./observe.ts";
import { generatedSecretNames } from "./secrets.ts";

/**
 * Held by a StemHub whose deletionPolicy is Delete, and by no other: with Retain Kubernetes' garbage collector does all
 * there is to do, so that deletion never waits for an operator that may be gone.
 */
export const deleteDataFinalizer = "stemhub.dev/delete-data";

/** One object to remove, by kind and name. */
export interface Removal {
  readonly kind: ResourceKind;
  readonly name: string;
}

/** What the deletion of a StemHub with its data needs next. */
export type DeletionStep =
  /** Pods must end before what they write to goes, or they would make it again. */
  | { readonly step: "stopDatabase"; readonly removals: readonly Removal[] }
  | { readonly step: "waitForPods"; readonly pods: readonly string[] }
  | { readonly step: "removeData"; readonly removals: readonly Removal[] }
  /** Nothing is left: the finalizer may go. */
  | { readonly step: "done" };

/** Decides the next step of a deletion with data, from what is still there. Each step is safe to repeat. */
export function decideDeletion(stemhub: StemHub, world: World): DeletionStep {
  const name = stemhub.metadata.name;
  // What keeps queued writes too: its volumes go no sooner than its pods.
  const running = [world.statefulSet, world.queueStore].flatMap((set) =>
    set && !set.metadata.deletionTimestamp ? [{ kind: kinds.statefulSet, name: set.metadata.name }] : [],
  );
  if (running.length > 0) return { step: "stopDatabase", removals: running };
  const database = world.topology.members.map((member) => member.pod);
  if (world.statefulSet || database.length > 0) return { step: "waitForPods", pods: database };

  const generated = new Set(generatedSecretNames(name));
  const store = new Set([...patroniStoreNames(name), childNames(name).authority]);
  const named = (kind: ResourceKind, objects: Iterable<KubeObject>, keep: (n: string) => boolean): Removal[] =>
    [...objects]
      .map((object) => object.metadata.name)
      .filter(keep)
      .map((objectName) => ({ kind, name: objectName }));
  const removals = [
    ...named(kinds.claim, world.claims, () => true),
    ...named(kinds.configMap, world.configMaps, (n) => store.has(n)),
    ...named(kinds.secret, world.secrets.values(), (n) => generated.has(n)),
  ];
  return removals.length > 0 ? { step: "removeData", removals } : { step: "done" };
}

/** Does the finalizer have to be put on or taken off a StemHub that is not being deleted? */
export function finalizerChange(stemhub: StemHub): "add" | "remove" | undefined {
  const held = stemhub.metadata.finalizers?.includes(deleteDataFinalizer) ?? false;
  const wanted = stemhub.spec.deletionPolicy === "Delete";
  if (held === wanted) return undefined;
  return wanted ? "add" : "remove";
}
