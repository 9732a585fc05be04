import { expect, test } from "vitest";
import { restrictedViolations } from "./pod-security.ts";

const kept = {
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      name: "a",
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    },
  ],
};

test("a pod that keeps every rule has no violation", () => {
  expect(restrictedViolations(kept)).toEqual([]);
});

test("a pod that says nothing about security breaks every rule that must be said", () => {
  expect(restrictedViolations({ containers: [{ name: "a" }] })).toEqual([
    "container a: runAsNonRoot",
    "container a: runAsUser",
    "container a: seccompProfile",
    "container a: allowPrivilegeEscalation",
    "container a: readOnlyRootFilesystem",
    "container a: capabilities.drop",
  ]);
});

test.each([
  ["the node's network", { ...kept, hostNetwork: true }, "hostNetwork"],
  ["a path of the node", { ...kept, volumes: [{ name: "v", hostPath: { path: "/" } }] }, "volume v: hostPath"],
  ["an init container", { ...kept, initContainers: [{ name: "b" }] }, "container b: readOnlyRootFilesystem"],
  [
    "a container that takes back what the pod gave",
    { ...kept, containers: [{ name: "a", securityContext: { runAsNonRoot: false } }] },
    "container a: runAsNonRoot",
  ],
])("%s is seen", (_what, pod, violation) => {
  expect(restrictedViolations(pod)).toContain(violation);
});
