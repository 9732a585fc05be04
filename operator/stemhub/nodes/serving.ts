import type { KubeObject } from "../../runtime/objects.ts";
import { servingLabel } from "../metadata.ts";
import type { NodeState } from "./judgement.ts";

const [servingName] = Object.keys(servingLabel) as [keyof typeof servingLabel];

/** A pod whose label is to go, or to come back. */
export interface ServingChange {
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  readonly serving: boolean;
}

/**
 * Takes the label off the pods of a lost node, and gives it back when the node is heard again. Kubernetes itself leaves
 * a lost node's pods in Services until it calls the node NotReady, 40 s and more. With no operator nobody takes it off.
 *
 * @param pods of one StemHub. Those of migrations serve nobody.
 */
export function servingChanges(
  pods: readonly KubeObject[],
  stateOf: (node: string | undefined) => NodeState,
): ServingChange[] {
  return pods.flatMap(({ metadata, spec }) => {
    const { nodeName: node } = (spec ?? {}) as { nodeName?: string };
    if (!node || metadata.labels?.["app.kubernetes.io/component"] === "migration") return [];
    const labelled = metadata.labels?.[servingName] !== undefined;
    const state = stateOf(node);
    if (state === "unknown" || (state === "well") === labelled) return [];
    return [{ pod: metadata.name, uid: metadata.uid ?? "", node, serving: !labelled }];
  });
}

/** The merge patch of a change; it is refused for another pod of that name. */
export function servingPatch({ uid, serving }: ServingChange) {
  return { metadata: { uid, labels: { [servingName]: serving ? servingLabel[servingName] : null } } };
}
