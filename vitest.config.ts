import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The idle test of install.e2e.ts comes first: later it would wait until the namespaces of other specs have ended. Then those
 * that take longest, so that none of them is left to run alone at the end: certificates waits for five minutes. The last three
 * share a StemHub, and the very last one deletes it.
 */
const first = [
  "install",
  "certificates",
  "database-repair",
  "database-absence",
  "failover",
  "database-changes",
  "partitions",
  "nodes",
  "api-server",
  "database-image",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = first.findIndex((name) => moduleId.endsWith(`/${name}.e2e.ts`));
      return at < 0 ? first.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/** What measures the whole cluster or does something to it: beside these nothing else may run. */
const alone = ["install", "app", "nodes", "api-server", "operator-away", "database-image"];
/** These could run beside others, but where two clusters share the work the one of those above is free sooner. */
const afterThem = ["outages", "pages"];
const specs = (names: readonly string[]) => names.map((name) => `e2e/specs/${name}.e2e.ts`);
const e2e = { globalSetup: ["e2e/support/global-setup.ts"], testTimeout: 60_000, hookTimeout: 180_000 };

/**
 * Eight projects: `unit` needs nothing but Node and ends within seconds; `apiserver` runs the operator's runtime and its
 * kinds against a real kube-apiserver and etcd; `helm` renders the chart with helm; `nginx` runs the gateway's configuration
 * and modules in the nginx of its image; `nats` runs the write queue on a real nats-server; `pgbackrest` reads and prunes real
 * repositories; `e2e` proves what the platform does on a cluster, which its set-up brings up where there is none, `e2e-alone`
 * first and file by file.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          // A fresh world for each file took as long as the tests. Whatever a file leaves behind is that file's defect.
          isolate: false,
          maxWorkers: "100%",
          include: ["{operator,workloads,e2e,bench,charts}/**/*.test.ts"],
          exclude: [
            "**/*.apiserver.test.ts",
            "**/*.helm.test.ts",
            "**/*.nginx.test.ts",
            "**/*.nats.test.ts",
            "**/*.pgbackrest.test.ts",
            "**/node_modules/**",
          ],
        },
      },
      {
        test: {
          name: "apiserver",
          include: ["operator/**/*.apiserver.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "helm",
          include: ["charts/**/*.helm.test.ts"],
          testTimeout: 60_000,
          // Hooks fetch and build programs where there are none yet.
          hookTimeout: 1_200_000,
        },
      },
      {
        test: {
          name: "nginx",
          include: ["{operator,workloads}/**/*.nginx.test.ts"],
          testTimeout: 60_000,
          // The first one builds the gateway's image, where there is none yet.
          hookTimeout: 1_200_000,
        },
      },
      {
        test: {
          name: "nats",
          include: ["{operator,workloads}/**/*.nats.test.ts"],
          // The first run builds nats-server, once for all files.
          globalSetup: ["workloads/queue/testing/nats-setup.ts"],
          testTimeout: 90_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "pgbackrest",
          include: ["{operator,workloads}/**/*.pgbackrest.test.ts"],
          testTimeout: 120_000,
          // The first one builds the database's image, where there is none yet.
          hookTimeout: 1_200_000,
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: specs([...alone, ...afterThem]),
          ...e2e,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/specs/**/*.e2e.ts"],
          exclude: specs([...alone, ...afterThem]),
          ...e2e,
          // They wait for pods more than they work; with three, two processors answer too late for what they assert.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
