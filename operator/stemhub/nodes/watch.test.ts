import { expect, test } from "vitest";
import type { CacheReader } from "../../runtime/cache.ts";
import { silentLog } from "../../runtime/log.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { FakeClock } from "../../testing/clock.ts";
import { aPod } from "../../testing/pods.ts";
import { LeaseWatch, leaseKind } from "./watch.ts";

/** Three nodes with a pod on each, as the operator sees them: which kubelets renew and which pods answer is the test's. */
function threeNodes() {
  const clock = new FakeClock();
  const world = { renewing: new Set(["n1", "n2", "n3"]), answering: new Set(["10.0.0.1", "10.0.0.2", "10.0.0.3"]) };
  const renewed = new Map<string, number>();
  const lease = (name: string): KubeObject => {
    if (world.renewing.has(name)) renewed.set(name, clock.now());
    return { ...leaseKind, metadata: { name }, spec: { renewTime: String(renewed.get(name)) } };
  };
  const pod = (i: number): KubeObject => ({
    ...aPod({ name: `api-${i}`, node: `n${i}` }),
    spec: { nodeName: `n${i}`, containers: [{ ports: [{ containerPort: 8080 }] }] },
    status: { phase: "Running", podIP: `10.0.0.${i}` },
  });
  const cache: CacheReader = {
    get: () => undefined,
    list: (kind) => (kind.kind === "Lease" ? ["n1", "n2", "n3"].map(lease) : [1, 2, 3].map(pod)),
  };
  const asked: string[] = [];
  const probe = (host: string) => {
    asked.push(host);
    return Promise.resolve(world.answering.has(host));
  };
  const stop = new AbortController();
  const watch = new LeaseWatch({ cache, clock, log: silentLog, signal: stop.signal, probe });
  const changes: string[] = [];
  watch.onChange(() => changes.push(["n1", "n2", "n3"].map((node) => watch.stateOf(node)).join(" ")));
  /** Seconds of rounds, one a second. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1_000);
      await watch.look();
    }
  };
  return { world, watch, pass, asked, changes };
}

test("given kubelets that renew, one of them late, then all nodes are well, and that is told once", async () => {
  const { world, watch, pass, changes } = threeNodes();
  await pass(30);
  world.renewing.delete("n2");
  await pass(11);
  world.renewing.add("n2");
  await pass(1);
  expect(changes).toEqual(["well well well"]);
  expect(watch.stateOf("n2")).toBe("well");
});

test("given a node that is cut off, then it is lost 12 s after its kubelet's last word, and well with the next", async () => {
  const { world, pass, changes, watch } = threeNodes();
  await pass(2);
  world.renewing.delete("n2");
  world.answering.delete("10.0.0.2");
  await pass(11);
  expect(watch.stateOf("n2")).toBe("unknown");
  await pass(1);
  expect(changes.at(-1)).toBe("well lost well");
  world.renewing.add("n2");
  await pass(1);
  expect(changes.at(-1)).toBe("well well well");
  expect(["n1", "n2"].map((node) => watch.healedWithin(node, 30_000))).toEqual([false, true]);
  await pass(30);
  expect(watch.healedWithin("n2", 30_000)).toBe(false);
});

test("given a kubelet that hangs while its pods answer, then its node is left as it is", async () => {
  const { world, watch, pass, asked } = threeNodes();
  await pass(2);
  world.renewing.delete("n2");
  await pass(60);
  expect(watch.stateOf("n2")).toBe("unknown");
  expect(new Set(asked)).toEqual(new Set(["10.0.0.2"]));
});

test("given an API server that is away, then no kubelet is heard, and nobody is judged", async () => {
  const { world, watch, pass } = threeNodes();
  await pass(2);
  world.renewing.clear();
  world.answering.clear();
  await pass(60);
  expect(["n1", "n2", "n3"].map((node) => watch.stateOf(node))).toEqual(["unknown", "unknown", "unknown"]);
});
