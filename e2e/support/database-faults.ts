import type { Kubectl } from "./kubectl.ts";
import { signalPostgres } from "./members.ts";
import { signalMainProcess } from "./node-process.ts";

/** Three instances under Patroni that faults happen to: a StemHub's, or others with the same image. */
export interface FaultyDatabase {
  /** In its namespace. */
  readonly kubectl: Kubectl;
  /** The labels that select its members' pods. */
  readonly members: string;
  /** The members' image: what signals a process from a node runs it too. */
  readonly image: string;
  /** In a namespace whose Pod Security admits privileged pods. */
  readonly nodes: Kubectl;
  /** Asks for another primary as its users would; returns when there is one. */
  switchOver(): Promise<void>;
}

/** Something that happens to a database, and how long it may take until three instances are in sync again. */
export interface Fault {
  /** For command lines and figures. */
  readonly name: string;
  /** Follows "when". */
  readonly fault: string;
  readonly wholeWithinSeconds: number;
  /** The reason of DatabaseAvailable that an event tells meanwhile, where kubelet and Patroni see nothing of it at first. */
  readonly told?: string;
  /** @param primary the pod that is primary now */
  readonly happens: (database: FaultyDatabase, primary: string) => Promise<void>;
}

/** Every way in which a database breaks within Kubernetes; what happens to nodes and networks is not here. */
export const databaseFaults: readonly Fault[] = [
  {
    name: "pod-delete",
    fault: "the primary's pod is deleted",
    wholeWithinSeconds: 45,
    happens: ({ kubectl }, primary) => kubectl.delete(`pod/${primary}`),
  },
  {
    name: "forced-delete",
    fault: "the primary's pod is deleted by force",
    wholeWithinSeconds: 45,
    happens: ({ kubectl }, primary) => kubectl.delete(`pod/${primary}`, { force: true }),
  },
  {
    name: "sigkill",
    fault: "the primary's PostgreSQL is killed",
    wholeWithinSeconds: 45,
    happens: async ({ kubectl }, primary) => {
      await kubectl.exec(primary, ["bash", "-c", "kill -KILL $(head -n 1 /data/pg/postmaster.pid)"]);
    },
  },
  {
    name: "hang",
    fault: "the primary's PostgreSQL hangs while it runs",
    // Its lock runs out (ttl), then kubelet gives up its Patroni, which waits for an answer, and it starts afresh.
    wholeWithinSeconds: 150,
    told: "NotAnswering",
    happens: ({ kubectl }, primary) => signalPostgres(kubectl, primary, "STOP"),
  },
  {
    name: "sigkill-patroni",
    fault: "the primary's Patroni is killed",
    wholeWithinSeconds: 60,
    happens: async ({ kubectl, nodes, image }, primary) => {
      const { metadata, spec } = await kubectl.get(`pod/${primary}`);
      const { nodeName: node } = spec as { nodeName: string };
      const target = { node, podUid: metadata.uid ?? "", command: "/patroni ", image };
      await signalMainProcess(nodes, target, "KILL");
    },
  },
  {
    name: "switchover",
    fault: "a switchover is asked for",
    wholeWithinSeconds: 45,
    happens: (database) => database.switchOver(),
  },
  {
    name: "all-pods",
    fault: "all three pods are deleted at once",
    wholeWithinSeconds: 90,
    happens: ({ kubectl, members }) => kubectl.delete(`pod -l ${members}`),
  },
];

/** A StemHub's database. */
export function faultyStemHub(
  kubectl: Kubectl,
  stemhub: string,
  tools: { readonly image: string; readonly nodes: Kubectl },
): FaultyDatabase {
  return {
    ...tools,
    kubectl,
    members: `stemhub.dev/database=${stemhub}-db`,
    switchOver: async () => {
      // Another text each time: a request is carried out once, and an earlier one's Done is not this one's.
      const request = `any ${Date.now()}`;
      await kubectl.run(["annotate", `stemhub/${stemhub}`, "--overwrite", `stemhub.dev/switchover=${request}`]);
      await kubectl.wait(`stemhub/${stemhub}`, `jsonpath={.status.database.switchover.request}=${request}`, 10_000);
      await kubectl.wait(`stemhub/${stemhub}`, "jsonpath={.status.database.switchover.phase}=Done", 30_000);
    },
  };
}
