import { describe, expect, test } from "vitest";
import { choose, clusterName, type Machine } from "./choose.ts";
import { ClusterError } from "./cluster.ts";

const bare: Machine = { kind: false, docker: false, linux: true, root: true };

describe("the provider", () => {
  test.each<[string, NodeJS.ProcessEnv, Partial<Machine>, string]>([
    ["Docker and kind are there", {}, { kind: true, docker: true }, "kind"],
    ["kind has no daemon", {}, { kind: true }, "local"],
    ["Docker has no kind", {}, { docker: true }, "local"],
    ["neither is there", {}, {}, "local"],
    ["CLUSTER says local, and kind could", { CLUSTER: "local" }, { kind: true, docker: true }, "local"],
    ["CLUSTER says kind, and nothing is there", { CLUSTER: "kind" }, {}, "kind"],
    ["CLUSTER says existing", { CLUSTER: "existing" }, {}, "existing"],
    ["CLUSTER is empty", { CLUSTER: "" }, {}, "local"],
  ])("when %s", (_, env, machine, expected) => {
    expect(choose(env, { ...bare, ...machine }).provider).toBe(expected);
  });

  test.each<[string, NodeJS.ProcessEnv, Partial<Machine>]>([
    ["not Linux", {}, { linux: false }],
    ["not root", {}, { root: false }],
    ["CLUSTER names no provider", { CLUSTER: "minikube" }, {}],
  ])("none when %s", (_, env, machine) => {
    expect(() => choose(env, { ...bare, ...machine })).toThrow(ClusterError);
  });
});

describe("the name", () => {
  test("is the checkout's own, and stays", () => {
    expect(clusterName({}, "/a/")).toMatch(/^stemhub-[0-9a-f]{6}$/);
    expect(clusterName({}, "/a/")).toBe(clusterName({}, "/a/"));
    expect(clusterName({}, "/a/")).not.toBe(clusterName({}, "/b/"));
  });

  test("is CLUSTER_NAME where that is set", () => {
    expect(clusterName({ CLUSTER_NAME: "suite" })).toBe("suite");
  });

  test.each(["Suite", "../up", "-a", "a-", "a".repeat(41)])("is not %s", (name) => {
    expect(() => clusterName({ CLUSTER_NAME: name })).toThrow(ClusterError);
  });
});
