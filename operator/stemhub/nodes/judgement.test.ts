import { expect, test } from "vitest";
import { doubtMs, judgeNodes, type NodeEvidence, silenceMs } from "./judgement.ts";

const well: NodeEvidence = { silentMs: 4_000, asked: 0, answered: 0, heard: true, lost: false };
const silent: NodeEvidence = { silentMs: silenceMs, asked: 2, answered: 0, heard: true, lost: false };
const judged = (...nodes: NodeEvidence[]) => [
  ...judgeNodes(new Map(nodes.map((evidence, i) => [`n${i + 1}`, evidence]))).values(),
];

test("given a kubelet that is silent and pods that give no connection, then the node is lost, and no other", () => {
  expect(judged(silent, well, well)).toEqual(["lost", "well", "well"]);
});

test.each<[string, NodeEvidence]>([
  ["its kubelet is late, and not by enough", { ...silent, silentMs: silenceMs - 1 }],
  ["a pod of it answers: only kubelet hangs", { ...silent, answered: 1 }],
  ["no pod of ours is there to be asked", { ...silent, asked: 0 }],
])("given that %s, then it is left as it is", (_, evidence) => {
  expect(judged(evidence, well, well)[0]).toBe("unknown");
});

test("given that only the operator cannot reach it, and its kubelet renews, then it is well", () => {
  expect(judged({ ...silent, silentMs: 3_000 }, well, well)[0]).toBe("well");
});

test("given an operator that has just begun, then it knows nothing until a kubelet renews", () => {
  expect(judged({ ...well, silentMs: 0, heard: false }, well)).toEqual(["unknown", "well"]);
});

test("given that no node is heard, then it is the operator that is cut off, and nobody is judged", () => {
  expect(judged(silent, silent, silent)).toEqual(["unknown", "unknown", "unknown"]);
});

test("given a node that was lost, then it stays so until its kubelet renews, also when all are silent", () => {
  const before = { ...silent, lost: true, asked: 0 };
  expect(judged(before, silent, silent)[0]).toBe("lost");
  expect(judged({ ...before, silentMs: doubtMs - 1 }, well)[0]).toBe("well");
});
