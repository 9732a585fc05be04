import { defineConfig } from "vitest/config";

/**
 * Three projects: `unit` needs nothing but Node and ends within seconds; `apiserver` runs the operator's runtime and its
 * kinds against a real kube-apiserver and etcd; `helm` renders the chart with helm. The cluster suite has a runner of its
 * own: `npm run e2e`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{operator,workloads,e2e,bench,charts}/**/*.test.ts"],
          exclude: ["**/*.apiserver.test.ts", "**/*.helm.test.ts", "**/node_modules/**"],
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
    ],
  },
});
