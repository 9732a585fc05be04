import { expect, test } from "vitest";
import { aPod } from "../testing/pods.ts";
import { firstPodTrouble, podTrouble } from "./pod-trouble.ts";

function pod(status: object, deleting = false) {
  return { ...aPod({ name: "studio-api-1", deleting }), status };
}
const waiting = (reason: string, more: object = {}) => ({
  containerStatuses: [
    { name: "api", image: "registry.example/api:9", state: { waiting: { reason, message: "no key" } }, ...more },
  ],
});

test.each([
  ["a running pod", aPod({ name: "p" }), undefined, ""],
  ["a pod still being created", pod(waiting("ContainerCreating")), undefined, ""],
  ["an image that cannot be pulled", pod(waiting("ImagePullBackOff")), "ImageNotAvailable", "registry.example/api:9"],
  ["a missing Secret key", pod(waiting("CreateContainerConfigError")), "ContainerNotCreated", "no key"],
  [
    "a crash loop",
    pod(waiting("CrashLoopBackOff", { lastState: { terminated: { reason: "OOMKilled", exitCode: 137 } } })),
    "CrashLoop",
    "OOMKilled, exit code 137",
  ],
  ["a crash loop on its way out", pod(waiting("CrashLoopBackOff"), true), undefined, ""],
  [
    "no node for it",
    pod({
      conditions: [
        { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes are available" },
      ],
    }),
    "Unschedulable",
    "0/3 nodes",
  ],
])("given %s", (_, given, reason, words) => {
  const trouble = podTrouble(given);
  expect(trouble?.reason).toBe(reason);
  expect(trouble?.message ?? "").toContain(words);
});

test("given several pods, then the first in trouble is told", () => {
  expect(
    firstPodTrouble([aPod({ name: "a" }), pod(waiting("ErrImagePull")), pod(waiting("CrashLoopBackOff"))])?.reason,
  ).toBe("ImageNotAvailable");
});
