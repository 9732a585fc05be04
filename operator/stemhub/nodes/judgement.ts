/** What is known of a node at one moment. */
export interface NodeEvidence {
  /** Since kubelet's last renewal of the node's Lease was seen, in ms. */
  readonly silentMs: number;
  /** Of our pods on it that were asked for a connection just now: how many there were, and how many gave one. */
  readonly asked: number;
  readonly answered: number;
  /** Its kubelet was seen to renew at least once: until then nothing is known of it. */
  readonly heard: boolean;
  /** It was judged lost before. */
  readonly lost: boolean;
}

/**
 * A kubelet that is well renews every 10 s (a quarter of nodeLeaseDurationSeconds, 40 by default); two seconds more are
 * what a busy one takes. Kubernetes itself waits 40 s and more before it takes a lost node's pods out of Services.
 * Source: https://kubernetes.io/docs/concepts/architecture/nodes/#heartbeats
 */
export const silenceMs = 12_000;

/** From here on it is worth asking: a node that is well is not asked at all. */
export const doubtMs = 10_500;

/** Unknown is left as it is: an operator that has just begun undoes nothing that the one before it has done. */
export type NodeState = "well" | "lost" | "unknown";

/**
 * Which nodes are lost: nothing on them can be reached, by two witnesses that fail apart. Its kubelet has not reached
 * the API server, and none of our pods there gives the operator a connection. One witness alone is no proof: kubelet
 * may hang while pods serve, and the operator may be the one that is cut off.
 *
 * Guarantees: a node is never judged lost unless some other node is heard, so that an operator that hears nothing
 * judges nobody. One that was judged lost is well again when its kubelet renews.
 */
export function judgeNodes(nodes: ReadonlyMap<string, NodeEvidence>): Map<string, NodeState> {
  const anybody = [...nodes.values()].some((node) => node.heard && node.silentMs < doubtMs);
  return new Map([...nodes].map(([name, evidence]) => [name, judge(evidence, anybody)]));
}

function judge({ silentMs, asked, answered, heard, lost }: NodeEvidence, anybody: boolean): NodeState {
  if (silentMs < doubtMs) return heard ? "well" : "unknown";
  if (lost) return "lost";
  if (anybody && silentMs >= silenceMs && asked > 0 && answered === 0) return "lost";
  return "unknown";
}
