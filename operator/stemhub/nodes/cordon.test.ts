import { expect, test } from "vitest";
import type { CacheEvent, CacheReader } from "../../runtime/cache.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { isCordoned, nodeKind, onCordon } from "./cordon.ts";

const aNode = (spec: object): KubeObject => ({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" }, spec });
const open = aNode({});
const closed = aNode({ unschedulable: true });

test.each<[string, string | undefined, KubeObject | undefined, boolean]>([
  ["a node that was closed", "n1", closed, true],
  ["a node that is open", "n1", open, false],
  ["a node that is not there", "n2", undefined, false],
  ["a pod that has no node yet", undefined, closed, false],
])("given %s, then it is said so", (_, name, node, cordoned) => {
  const cache = { get: () => node } as unknown as CacheReader;
  expect(isCordoned(cache, name)).toBe(cordoned);
});

test("only a node that is closed or opened is told: its heartbeats are not, nor its first sight", () => {
  let told = 0;
  let tell: (event: CacheEvent) => void = () => undefined;
  onCordon(
    {
      onEvent: (listener) => {
        tell = listener;
        return () => undefined;
      },
    },
    () => told++,
  );
  tell({ type: "added", kind: nodeKind, object: closed });
  tell({ type: "modified", kind: nodeKind, old: open, object: aNode({ podCIDR: "10.0.0.0/24" }) });
  expect(told).toBe(0);
  tell({ type: "modified", kind: nodeKind, old: open, object: closed });
  tell({ type: "modified", kind: nodeKind, old: closed, object: open });
  expect(told).toBe(2);
});
