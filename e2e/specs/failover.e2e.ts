import { afterAll, beforeAll, expect, test } from "vitest";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { signalMainProcess } from "../support/node-process.ts";
import { untilStemHub } from "../support/ready.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-failover");

/** Where pods may do to a node what faults do. */
const nodes = adminKubectl().in("e2e-nodes");

let database: DatabaseClient;

beforeAll(async () => {
  const privileged = { "pod-security.kubernetes.io/enforce": "privileged" };
  await nodes.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: nodes.namespace, labels: privileged } });
  await kubectl.apply(echoStemHub("studio", { spec: { database: { storage: { size: "1Gi" } } } }));
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", environment().images.postgres);
}, 180_000);

afterAll(() => adminKubectl().delete(`namespace/${nodes.namespace}`));

/** Something that happens to a database, and how long it may take until three instances are in sync again. */
interface Fault {
  readonly fault: string;
  readonly wholeWithinSeconds: number;
  /** @param primary the pod that is primary now */
  readonly happens: (primary: string) => Promise<void>;
}

const faults: readonly Fault[] = [
  {
    fault: "the primary's pod is deleted",
    wholeWithinSeconds: 45,
    happens: (primary) => kubectl.delete(`pod/${primary}`),
  },
  {
    fault: "the primary's pod is deleted by force",
    wholeWithinSeconds: 45,
    happens: (primary) => kubectl.delete(`pod/${primary}`, { force: true }),
  },
  {
    fault: "the primary's PostgreSQL is killed",
    wholeWithinSeconds: 45,
    happens: async (primary) => {
      await kubectl.exec(primary, ["bash", "-c", "kill -KILL $(head -n 1 /data/pg/postmaster.pid)"]);
    },
  },
  {
    fault: "the primary's PostgreSQL hangs while it runs",
    // Its lock runs out (ttl), then kubelet gives up its Patroni, which waits for an answer, and it starts afresh.
    wholeWithinSeconds: 150,
    happens: async (primary) => {
      const stop = "p=$(head -n 1 /data/pg/postmaster.pid); kill -STOP $p $(cat /proc/$p/task/$p/children)";
      await kubectl.exec(primary, ["bash", "-c", stop]);
    },
  },
  {
    fault: "the primary's Patroni is killed",
    wholeWithinSeconds: 60,
    happens: async (primary) => {
      const { metadata, spec } = await kubectl.get(`pod/${primary}`);
      const { nodeName: node } = spec as { nodeName: string };
      const target = { node, podUid: metadata.uid ?? "", command: "/patroni ", image: environment().images.postgres };
      await signalMainProcess(nodes, target, "KILL");
    },
  },
  {
    fault: "a switchover is asked for",
    wholeWithinSeconds: 45,
    happens: async () => {
      await kubectl.run(["annotate", "stemhub/studio", "--overwrite", "stemhub.dev/switchover=any"]);
      await kubectl.wait("stemhub/studio", "jsonpath={.status.database.switchover.phase}=Done", 30_000);
    },
  },
  {
    fault: "all three pods are deleted at once",
    wholeWithinSeconds: 90,
    happens: () => kubectl.delete("pod -l stemhub.dev/database=studio-db"),
  },
];

test.each(faults)(
  "given a writer and a reader, when $fault, then nothing acknowledged is lost and all three are in sync again",
  async ({ fault, wholeWithinSeconds, happens }) => {
    await untilInSync(kubectl, "studio", 30_000);
    const load = await startLoad(kubectl, "studio", { image: environment().images.postgres, database });
    const { primary } = (await untilStemHub(kubectl, "studio")).status?.database ?? {};

    const began = performance.now();
    await happens(primary ?? "");
    await load.feltByWriter(wholeWithinSeconds * 1_000);
    await load.goesOn(20, wholeWithinSeconds * 1_000);
    await untilInSync(kubectl, "studio", wholeWithinSeconds * 1_000);
    const seconds = (performance.now() - began) / 1_000;

    const { missing, said } = await accountOf(load, database);
    console.log(`${fault}: ${said}, whole after ${seconds.toFixed(0)} s`);
    expect(missing).toEqual([]);
    expect(seconds).toBeLessThan(wholeWithinSeconds);
  },
  240_000,
);
