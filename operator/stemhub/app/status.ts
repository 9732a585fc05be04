import { componentsOf, type StemHub, type StemHubStatus } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import type { Verdict } from "../conditions.ts";
import { childNames } from "../names.ts";
import { firstPodTrouble } from "../pod-trouble.ts";

/** What the app's conditions are judged from. */
export interface AppFacts {
  readonly stemhub: StemHub;
  readonly deployments: readonly KubeObject[];
  /** Pods of the components, of the gateway and of the queue. */
  readonly pods: readonly KubeObject[];
}

interface DeploymentFacts {
  readonly name: string;
  readonly wanted: number;
  readonly available: number;
  /** The controller has seen the newest spec, every pod is of it, and none of the former ones is left. */
  readonly rolledOut: boolean;
  readonly exists: boolean;
}

/**
 * AppAvailable: does every component, the gateway, and the queue where there is one, have at least one pod that serves? Fewer than wanted is not
 * unavailable: that a rollout or an autoscaler is under way is told by ReleaseProgressing and by status.components.
 */
export function appAvailable(facts: AppFacts): Verdict {
  const type = "AppAvailable";
  const deployments = deploymentsOf(facts);
  const down = deployments.filter((deployment) => deployment.available === 0).map((deployment) => deployment.name);
  if (down.length === 0) {
    return { type, status: "True", reason: "AllServing", message: "Every component and the gateway serve." };
  }
  const trouble = firstPodTrouble(
    facts.pods.filter((pod) => down.some((name) => pod.metadata.name.startsWith(`${name}-`))),
  );
  if (trouble) return { type, status: "False", ...trouble };
  const absent = deployments.filter((deployment) => !deployment.exists).map((deployment) => deployment.name);
  if (absent.length > 0) {
    return { type, status: "False", reason: "NotYetCreated", message: `Not created yet: ${absent.join(", ")}.` };
  }
  return { type, status: "False", reason: "Starting", message: `No pod is ready yet of: ${down.join(", ")}.` };
}

/** Deployments whose rollout is not at its end, by name; with what holds up the first of them, if a pod says so. */
export function rolloutsUnderWay(facts: AppFacts): {
  readonly names: readonly string[];
  readonly trouble: string | undefined;
} {
  const names = deploymentsOf(facts)
    .filter((deployment) => !deployment.rolledOut)
    .map((deployment) => deployment.name);
  const pods = facts.pods.filter((pod) => names.some((name) => pod.metadata.name.startsWith(`${name}-`)));
  return { names, trouble: firstPodTrouble(pods)?.message };
}

/** What status.components says. */
export function componentStatuses({ stemhub, deployments }: AppFacts): NonNullable<StemHubStatus["components"]> {
  return componentsOf(stemhub).map(({ name }) => {
    const live = deployments.find((d) => d.metadata.name === childNames(stemhub.metadata.name).component(name));
    const { wanted, available } = factsOf(name, live);
    const spec = live?.spec as { template?: { spec?: { containers?: { image?: string }[] } } } | undefined;
    return { name, ready: available, desired: wanted, image: spec?.template?.spec?.containers?.[0]?.image ?? "" };
  });
}

function deploymentsOf({ stemhub, deployments }: AppFacts): DeploymentFacts[] {
  const names = childNames(stemhub.metadata.name);
  const wanted = [
    ...componentsOf(stemhub).map(({ name }) => names.component(name)),
    names.gateway,
    ...(stemhub.spec.queue ? [names.queue] : []),
  ];
  return wanted.map((name) =>
    factsOf(
      name,
      deployments.find((deployment) => deployment.metadata.name === name),
    ),
  );
}

function factsOf(name: string, deployment: KubeObject | undefined): DeploymentFacts {
  if (!deployment) return { name, wanted: 0, available: 0, rolledOut: false, exists: false };
  const spec = deployment.spec as { replicas?: number };
  const status = (deployment.status ?? {}) as {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
  };
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = status;
  const seen = observedGeneration >= (deployment.metadata.generation ?? 0);
  // More pods than updated ones: former ones are still ending. Scaling is not a rollout: one available pod of the new
  // template is enough where the autoscaler has just asked for more.
  const rolledOut =
    seen &&
    updatedReplicas === replicas &&
    updatedReplicas >= 1 &&
    availableReplicas >= Math.min(wanted, updatedReplicas);
  return { name, wanted, available: availableReplicas, rolledOut, exists: true };
}
