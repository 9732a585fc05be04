import type { KubeObject } from "../runtime/objects.ts";

interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { reason?: string; message?: string } };
  readonly lastState?: { readonly terminated?: { reason?: string; exitCode?: number } };
}

interface PodStatus {
  readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

/** Why a container does not start, in the words of kubelet that never heal quickly by themselves. */
const imageReasons = new Set(["ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"]);
const configReasons = new Set(["CreateContainerConfigError", "CreateContainerError", "RunContainerError"]);

/** What keeps a pod from working: a reason for machines and a sentence that names the pod and the next step. */
export interface PodTrouble {
  readonly reason: "ImageNotAvailable" | "ContainerNotCreated" | "CrashLoop" | "Unschedulable";
  readonly message: string;
}

/** The first trouble among pods, in the order given; undefined when all that they need is time. */
export function firstPodTrouble(pods: readonly KubeObject[]): PodTrouble | undefined {
  for (const pod of pods) {
    const trouble = podTrouble(pod);
    if (trouble) return trouble;
  }
  return undefined;
}

/** The trouble of one pod. The first rule that speaks wins: an image that is missing explains a crash, not vice versa. */
export function podTrouble(pod: KubeObject): PodTrouble | undefined {
  if (pod.metadata.deletionTimestamp) return undefined;
  const { name, namespace } = pod.metadata;
  const status = (pod.status ?? {}) as PodStatus;
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const waiting = (reasons: ReadonlySet<string>) => containers.find((c) => reasons.has(c.state?.waiting?.reason ?? ""));

  const image = waiting(imageReasons);
  if (image) {
    return {
      reason: "ImageNotAvailable",
      message: `Pod ${name} cannot get image ${image.image}: ${image.state?.waiting?.reason}. Check the image's name and the registry's credentials.`,
    };
  }
  const config = waiting(configReasons);
  if (config) {
    return {
      reason: "ContainerNotCreated",
      message: `Pod ${name}: ${config.state?.waiting?.message ?? "container not created"}.`,
    };
  }
  const crash = waiting(new Set(["CrashLoopBackOff"]));
  if (crash) {
    const last = crash.lastState?.terminated;
    const how = last ? ` (${last.reason ?? "Error"}, exit code ${last.exitCode})` : "";
    return {
      reason: "CrashLoop",
      message: `Pod ${name} keeps crashing${how}. Look at: kubectl -n ${namespace} logs ${name} -c ${crash.name} --previous.`,
    };
  }
  const scheduled = status.conditions?.find((c) => c.type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable") {
    return { reason: "Unschedulable", message: `Pod ${name} finds no node: ${scheduled.message ?? "unschedulable"}` };
  }
  return undefined;
}
