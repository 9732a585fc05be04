import { expect, test } from "vitest";
import { aPod } from "../../testing/pods.ts";
import { servingLabel } from "../metadata.ts";
import { servingChanges, servingPatch } from "./serving.ts";

const states = { n1: "lost", n2: "well", n3: "unknown" } as const;
const changes = (...pods: Parameters<typeof aPod>[0][]) =>
  servingChanges(pods.map(aPod), (node) => states[node as keyof typeof states]);

test("given a lost node, then its pods leave the Services, and nobody else's", () => {
  const pods = ["n1", "n2", "n3"].map((node) => ({ name: `api-${node}`, node, labels: servingLabel }));
  expect(changes(...pods)).toMatchObject([{ pod: "api-n1", serving: false }]);
});

test("given a node that is heard again, then its pods come back; of one that nothing is known of, none does", () => {
  const pods = ["n1", "n2", "n3"].map((node) => ({ name: `api-${node}`, node }));
  expect(changes(...pods)).toMatchObject([{ pod: "api-n2", serving: true }]);
});

test("given a migration, then it is no matter: it serves nobody", () => {
  expect(changes({ name: "migrate", node: "n2", labels: { "app.kubernetes.io/component": "migration" } })).toEqual([]);
});

test("the patch removes the label, or sets it, and names whose it is", () => {
  const change = { pod: "api", uid: "u", node: "n1" };
  expect(servingPatch({ ...change, serving: false })).toEqual({
    metadata: { uid: "u", labels: { "stemhub.dev/serving": null } },
  });
  expect(servingPatch({ ...change, serving: true }).metadata.labels).toEqual(servingLabel);
});
