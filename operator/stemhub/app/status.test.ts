import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../runtime/objects.ts";
import { aPod } from "../../testing/pods.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { appAvailable, componentStatuses, rolloutsUnderWay } from "./status.ts";

const stemhub = aStemHub();
const deployment = (name: string, status: object = {}, generation = 1): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "music", generation },
  spec: { replicas: 2, template: { spec: { containers: [{ image: "api:1" }] } } },
  status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2, ...status },
});
const gateway = deployment("studio-gateway");
const facts = (api: KubeObject | undefined, pods: KubeObject[] = []) => ({
  stemhub,
  deployments: api ? [api, gateway] : [gateway],
  pods,
});
const broken = {
  ...aPod({ name: "studio-api-7f-x", ready: false }),
  status: { containerStatuses: [{ name: "api", image: "api:2", state: { waiting: { reason: "ErrImagePull" } } }] },
};

describe("AppAvailable", () => {
  test.each<[string, ReturnType<typeof facts>, string, string]>([
    ["every pod serves", facts(deployment("studio-api")), "True", "AllServing"],
    ["one of two pods serves", facts(deployment("studio-api", { availableReplicas: 1 })), "True", "AllServing"],
    [
      "a broken pod beside one that serves",
      facts(deployment("studio-api", { availableReplicas: 1 }), [broken]),
      "True",
      "AllServing",
    ],
    ["nothing was created", facts(undefined), "False", "NotYetCreated"],
    ["no pod is ready", facts(deployment("studio-api", { availableReplicas: 0 })), "False", "Starting"],
    [
      "no pod is ready, and one says why",
      facts(deployment("studio-api", { availableReplicas: 0 }), [broken]),
      "False",
      "ImageNotAvailable",
    ],
  ])("given %s", (_, given, status, reason) => {
    expect(appAvailable(given)).toMatchObject({ status, reason });
  });
});

describe("a rollout is under way", () => {
  test.each<[string, object, number, boolean]>([
    ["all pods are new and serve", {}, 1, false],
    ["the controller has not seen the newest spec", {}, 2, true],
    ["some pods are of the former template", { updatedReplicas: 1 }, 1, true],
    ["a former pod has not ended", { replicas: 3 }, 1, true],
    ["a new pod does not serve yet", { availableReplicas: 1 }, 1, true],
    ["nothing has started", { replicas: 0, updatedReplicas: 0, availableReplicas: 0 }, 1, true],
  ])("given %s: %o", (_, status, generation, underWay) => {
    expect(rolloutsUnderWay(facts(deployment("studio-api", status, generation))).names.length > 0).toBe(underWay);
  });

  test("then what holds it up is told, from the pod that says so", () => {
    expect(
      rolloutsUnderWay(facts(deployment("studio-api", { replicas: 3, updatedReplicas: 1 }), [broken])).trouble,
    ).toContain("api:2");
  });
});

test("status.components has what is wanted, what serves, and the image that runs", () => {
  expect(componentStatuses(facts(deployment("studio-api", { availableReplicas: 1 })))).toEqual([
    { name: "api", ready: 1, desired: 2, image: "api:1" },
  ]);
});
