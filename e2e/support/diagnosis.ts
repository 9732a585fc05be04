import type { Kubectl } from "./kubectl.ts";

/** How many lines of each answer are worth printing. */
const lines = { describe: 90, pods: 40, events: 30 } as const;

/**
 * What a person would ask kubectl first when a StemHub does not become what it should: the StemHub, its pods and the
 * last events. Never throws: it is called where something has gone wrong already, perhaps the cluster itself.
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
  return answers.join("\n");
}
