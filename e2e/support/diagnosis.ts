import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { Kubectl } from "./kubectl.ts";

/** How many lines of each answer are worth printing. */
const lines = { describe: 90, pods: 40, events: 30, logs: 15 } as const;

/** Of so many pods that are not ready, what they said last. */
const podsHeard = 3;

/**
 * What a person would ask kubectl first when a StemHub does not become what it should: the StemHub, its pods, the
 * last events, and what pods that are not ready said last. Never throws: it is called where something has gone wrong already, perhaps the cluster itself.
 */
export async function diagnosis(kubectl: Kubectl): Promise<string> {
  const ask = async (title: string, args: readonly string[], keep: number) => {
    const { stdout, stderr } = await kubectl
      .attempt(args)
      .catch((error: unknown) => ({ stdout: "", stderr: String(error) }));
    const said = (stdout.trim() || stderr.trim() || "(nothing)").split("\n").slice(-keep).join("\n");
    return `--- ${title} (namespace ${kubectl.namespace})\n${said}`;
  };
  const answers = [
    await ask("kubectl describe stemhubs", ["describe", "stemhubs"], lines.describe),
    await ask("kubectl get pods", ["get", "pods", "-o", "wide"], lines.pods),
    await ask("kubectl get events", ["get", "events", "--sort-by=.lastTimestamp"], lines.events),
  ];
  for (const pod of (await unreadyPods(kubectl)).slice(0, podsHeard)) {
    answers.push(
      await ask(`kubectl logs ${pod}`, ["logs", pod, "--all-containers", `--tail=${lines.logs}`], lines.logs),
    );
  }
  return answers.join("\n");
}

async function unreadyPods(kubectl: Kubectl): Promise<string[]> {
  const pods = await kubectl.list("pods").catch((): KubeObject[] => []);
  return pods.filter((pod) => !isReady(pod)).map((pod) => pod.metadata.name);
}

function isReady(pod: KubeObject): boolean {
  const { phase, conditions = [] } = (pod.status ?? {}) as {
    phase?: string;
    conditions?: readonly { type: string; status: string }[];
  };
  return phase === "Succeeded" || conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
