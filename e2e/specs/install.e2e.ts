import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { auditedRequests, writesBesideLease } from "../support/audit.ts";
import { eventually } from "../support/deadline.ts";
import { operatorRelease, removalDeadlineMs } from "../support/namespace.ts";
import { operatorLeader, operatorPods } from "../support/operator.ts";
import { untilStemHub } from "../support/ready.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-install");
const system = adminKubectl().in(operatorRelease.namespace);

/** A lost leader's Lease is waited out in full: 15 s, and the next look at it. */
const takeoverDeadlineMs = 30_000;
const idleMs = 120_000;

test("the chart installs two ready replicas under the restricted Pod Security Standard", async () => {
  const { labels } = (await system.get(`namespace/${operatorRelease.namespace}`)).metadata;
  expect(labels).toMatchObject({ "pod-security.kubernetes.io/enforce": "restricted" });
  await system.wait(`deployment/${operatorRelease.name}`, "jsonpath={.status.readyReplicas}=2", 60_000);
  const nodes = new Set((await operatorPods(system)).map((pod) => (pod.spec as { nodeName: string }).nodeName));
  expect(nodes.size, "two replicas on two nodes").toBe(2);
});

test("one replica leads", async () => {
  const leader = await operatorLeader(system);
  expect((await operatorPods(system)).map((pod) => pod.metadata.name)).toContain(leader);
});

test("given a StemHub, when nobody touches it for two minutes, then the operator writes nothing but its Lease", async () => {
  await kubectl.apply(echoStemHub("idle"));
  await untilStemHub(kubectl, "idle");
  // The namespaces of earlier specs end in the background, and the operator notices that.
  await eventually("no namespace is being deleted", removalDeadlineMs, async () => {
    const namespaces = await system.list("namespaces");
    return namespaces.every(({ metadata }) => metadata.deletionTimestamp === undefined);
  });
  // What follows becoming Ready: a last status, events, an autoscaler's first look.
  await sleep(10_000);
  const fromMs = Date.now();
  await sleep(idleMs);
  const { auditLog } = environment();
  if (auditLog === undefined) throw new Error("this provider has no audit log to count in: set AUDIT_LOG to its path");
  const user = `system:serviceaccount:${operatorRelease.namespace}:${operatorRelease.serviceAccount}`;
  const requests = await auditedRequests(auditLog, user, { fromMs, toMs: Date.now() });
  expect(requests.length, "the log is the right one: it has the Lease's renewals").toBeGreaterThan(20);
  expect(writesBesideLease(requests)).toEqual([]);
}, 320_000);

test("given two replicas, when the leader's pod is killed, then the other leads and changes are carried out", async () => {
  await kubectl.apply(echoStemHub("idle"));
  await untilStemHub(kubectl, "idle");
  const before = await operatorLeader(system);
  const began = performance.now();
  await system.delete(`pod/${before}`, { force: true });
  const after = await eventually("another replica holds the Lease", takeoverDeadlineMs, async () => {
    const leader = await operatorLeader(system);
    return leader !== before && leader;
  });
  console.log(`leader's pod killed: the next one leads after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  expect(after).not.toBe(before);
  await kubectl.apply(echoStemHub("idle", { greeting: "changed" }));
  await untilStemHub(kubectl, "idle");
  const pods = await kubectl.list("pods", "app.kubernetes.io/component=api");
  expect(JSON.stringify(pods)).toContain("changed");
  await system.wait(`deployment/${operatorRelease.name}`, "jsonpath={.status.readyReplicas}=2", 60_000);
}, 120_000);
