import type { Topology } from "./topology.ts";

/** How many pods the StatefulSet is to have now, on the way to spec.database.instances. */
export interface ScaleDecision {
  readonly replicas: number;
  /** Why it is not yet the number that the spec asks for; absent when it is. */
  readonly waiting?: { readonly message: string; readonly moveRole: boolean };
}

/**
 * Members are added at once and removed when nothing is lost by it: the primary is among those that stay, and those that
 * stay are all in sync. The StatefulSet removes the highest ordinals; their volumes stay.
 *
 * @param current the StatefulSet's replicas; undefined where there is none yet
 */
export function decideScale(instances: number, current: number | undefined, topology: Topology): ScaleDecision {
  if (current === undefined || current <= instances) return { replicas: instances };
  const staying = topology.members.filter((member) => member.ordinal < instances);
  const inSync = staying.filter((member) => member.inSync).length;
  if (inSync < instances) {
    const message = `${current - instances} members leave when the ${instances} that stay are in sync: ${inSync} are.`;
    return { replicas: current, waiting: { message, moveRole: false } };
  }
  if (!staying.some((member) => member.pod === topology.primary)) {
    const message = `${topology.primary} is to leave, and is primary: its role moves to one that stays first.`;
    return { replicas: current, waiting: { message, moveRole: true } };
  }
  return { replicas: instances };
}
