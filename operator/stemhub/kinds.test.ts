import { expect, test } from "vitest";
import type { KubeObject } from "../runtime/objects.ts";
import { aPod } from "../testing/pods.ts";
import { configMapChanged, podChanged } from "./kinds.ts";

const store = (annotations: Record<string, string>): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "studio-db-leader", annotations },
});

test.each([
  ["the lock is renewed", { renewTime: "1" }, { renewTime: "2" }, false],
  ["the lock passes on", { leader: "studio-db-0" }, { leader: "studio-db-1" }, true],
  ["a standby leaves the quorum", { sync_standby: "a,b" }, { sync_standby: "a" }, true],
  ["the database is initialized", {}, { initialize: "7" }, true],
])("given Patroni's store, when %s, then it is worth a pass: %s → %s", (_, before, after, worth) => {
  expect(configMapChanged(store(before as Record<string, string>), store(after as Record<string, string>))).toBe(worth);
});

test("given a pod, when only Patroni's position annotation moves, then it is not worth a pass", () => {
  const before = aPod({ name: "studio-db-0" });
  const after = { ...before, metadata: { ...before.metadata, annotations: { status: '{"xlog_location":42}' } } };
  expect(podChanged(before, after)).toBe(false);
});

test("given a pod, when it becomes primary or is deleted, then it is worth a pass", () => {
  const before = aPod({ name: "studio-db-0", labels: { "stemhub.dev/role": "replica" } });
  expect(podChanged(before, aPod({ name: "studio-db-0", labels: { "stemhub.dev/role": "primary" } }))).toBe(true);
  expect(podChanged(before, { ...before, metadata: { ...before.metadata, deletionTimestamp: "now" } })).toBe(true);
});
