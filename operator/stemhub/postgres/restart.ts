import type { Topology } from "./topology.ts";

/** What is to be done now so that every member runs from the StatefulSet's newest template. */
export type RestartDecision =
  | { readonly step: "none" }
  /** A member's change of state brings the next pass. */
  | { readonly step: "wait"; readonly message: string }
  /** The StatefulSet makes the pod again, from the newest template. */
  | { readonly step: "restart"; readonly pod: string; readonly uid: string; readonly message: string }
  /** Only the primary is left: its role is to move to a replica that runs from the newest template already. */
  | { readonly step: "moveRole"; readonly message: string };

/** What a restart is decided by. */
export interface RestartFacts {
  readonly topology: Topology;
  /** spec.database.instances. */
  readonly instances: number;
  /** Patroni has been asked for another primary, and there is none yet. */
  readonly switchoverUnderWay: boolean;
}

/**
 * Restarts members one at a time: replicas first, then the primary's role moves, then the former primary.
 *
 * Guarantees, with three members or more: nobody that works is stopped unless all members are in sync, so that a
 * change that breaks the first member stops there. One that does not work is replaced at once, since the newest template
 * may be what mends it.
 */
export function decideRestart({ topology, instances, switchoverUnderWay }: RestartFacts): RestartDecision {
  const { members, settled, initialized } = topology;
  if (!settled) return { step: "wait", message: "Kubernetes has not yet taken up the newest template." };
  const outdated = members.filter((member) => member.outdated);
  if (outdated.length === 0) return { step: "none" };
  const ending = members.find((member) => member.ending);
  if (ending) return { step: "wait", message: `${ending.pod} is ending.` };

  // What runs before the first start is done may be making the database: it is let alone.
  const broken = outdated.find((member) => !member.ready && (initialized || !member.started));
  if (broken) return restart(broken, `${broken.pod} does not work, and may with the newest template.`);
  if (instances === 1) return restart(outdated[0], "The one instance restarts: there is no replica to take over.");

  const inSync = members.filter((member) => member.inSync).length;
  if (inSync < instances) return { step: "wait", message: `${inSync} of ${instances} members are in sync.` };
  if (switchoverUnderWay) return { step: "wait", message: "A switchover is under way." };
  const replica = outdated.findLast((member) => member.pod !== topology.primary);
  if (replica) return restart(replica, `${replica.pod} restarts: all members are in sync, and it is a replica.`);
  return {
    step: "moveRole",
    message: `${topology.primary} is the last to restart: its role moves to a replica first.`,
  };
}

function restart(member: Topology["members"][number] | undefined, message: string): RestartDecision {
  return member ? { step: "restart", pod: member.pod, uid: member.uid, message } : { step: "none" };
}
