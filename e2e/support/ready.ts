import type { KubeObject } from "../../operator/runtime/objects.ts";
import { diagnosis } from "./diagnosis.ts";
import type { Kubectl, WaitFor } from "./kubectl.ts";

/** A condition as `kubectl get -o json` shows it. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

/** A StemHub as read from the cluster: only what tests look at. */
export interface SeenStemHub extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly release?: {
      readonly version?: string;
      readonly migration?: {
        readonly job?: string;
        readonly phase?: string;
        readonly message?: string;
        readonly logTail?: string;
      };
    };
    readonly database?: {
      readonly primary?: string;
      readonly instances?: number;
      readonly ready?: number;
      readonly inSync?: number;
      readonly volumeSize?: string;
      readonly switchover?: { readonly cause: string; readonly phase: string };
      readonly warnings?: readonly { readonly reason: string; readonly about: string; readonly message: string }[];
      readonly rebuilds?: readonly { readonly member: string; readonly reason: string }[];
    };
    readonly backup?: { readonly archive?: { readonly state: string; readonly message: string } };
    readonly components?: readonly {
      readonly name: string;
      readonly ready: number;
      readonly desired: number;
      readonly image: string;
    }[];
    readonly gateway?: { readonly url?: string };
    readonly modes?: {
      readonly mode: string;
      readonly flips: readonly { readonly capability: string; readonly to: string }[];
    };
  };
}

/** Three instances on two busy cores: twice what was measured. */
export const readyDeadlineMs = 120_000;

/** `kubectl wait` on a StemHub. Errors: what a person would ask kubectl next, when the deadline passes. */
export async function untilStemHub(
  kubectl: Kubectl,
  name: string,
  waitFor: WaitFor = "condition=Ready",
  deadlineMs = readyDeadlineMs,
): Promise<SeenStemHub> {
  try {
    await kubectl.wait(`stemhub/${name}`, waitFor, deadlineMs);
  } catch (error) {
    throw new Error(`StemHub ${name}: no ${waitFor} within ${deadlineMs / 1_000} s\n${await diagnosis(kubectl)}`, {
      cause: error,
    });
  }
  return (await kubectl.get(`stemhub/${name}`)) as SeenStemHub;
}

/** One condition of a StemHub, or undefined where it has none of that type. */
export function condition(stemhub: SeenStemHub, type: string): Condition | undefined {
  return stemhub.status?.conditions?.find((one) => one.type === type);
}
