import { describe, expect, test } from "vitest";
import { ClusterError } from "../cluster.ts";
import { freeSlot, type InUse, layoutOf, overlap, slotCount } from "./slots.ts";

const slots = Array.from({ length: slotCount }, (_, slot) => slot);
const nothing: InUse = { slots: [], interfaces: [], routes: [] };

describe("layouts", () => {
  test("two slots share no network, no address and no name", () => {
    const layouts = slots.map(layoutOf);
    const networks = layouts.flatMap((layout) => [layout.nodeNetwork, layout.podNetwork, layout.serviceNetwork]);
    for (const [index, network] of networks.entries()) {
      for (const other of networks.slice(index + 1)) expect(overlap(network, other), `${network} ${other}`).toBe(false);
    }
    const names = layouts.flatMap((layout) => [
      layout.loopback,
      layout.bridge,
      layout.hostCgroup,
      ...layout.nodes.flatMap(({ veth, address }) => [veth, address]),
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  test("the host and the nodes are in the node network, the nodes' pods in the pod network", () => {
    for (const layout of slots.map(layoutOf)) {
      expect(overlap(layout.nodeNetwork, layout.hostAddress)).toBe(true);
      expect(overlap(layout.serviceNetwork, layout.apiServiceAddress)).toBe(true);
      for (const node of layout.nodes) {
        expect(overlap(layout.nodeNetwork, node.address)).toBe(true);
        expect(overlap(layout.podNetwork, node.pods)).toBe(true);
      }
    }
  });

  test("links have names that Linux takes", () => {
    for (const layout of slots.map(layoutOf)) {
      for (const name of [layout.bridge, ...layout.nodes.map(({ veth }) => veth)]) {
        expect(name.length).toBeLessThanOrEqual(15);
      }
    }
  });

  test.each([-1, slotCount, 0.5])("there is no slot %d", (slot) => {
    expect(() => layoutOf(slot)).toThrow(RangeError);
  });
});

describe("the free slot", () => {
  test.each<[string, Partial<InUse>, number]>([
    ["nothing is in use", {}, 0],
    ["other clusters have the first two", { slots: [0, 1] }, 2],
    ["a gap is between others", { slots: [0, 2] }, 1],
    ["a bridge of that name is up, though no cluster of this cache has it", { interfaces: ["lo", "stemhub0"] }, 1],
    ["a route goes into the first one's pods", { routes: ["10.128.7.0/24"] }, 1],
    ["a route goes to one address of the first one's services", { routes: ["10.160.0.1"] }, 1],
    ["routes lead elsewhere", { routes: ["default", "192.0.2.0/24", "10.89.0.0/24"] }, 0],
  ])("when %s", (_, inUse, expected) => {
    expect(freeSlot({ ...nothing, ...inUse })).toBe(expected);
  });

  test.each<[string, Partial<InUse>]>([
    ["all are taken", { slots: slots }],
    ["a route takes all of 10.0.0.0/8", { routes: ["10.0.0.0/8"] }],
  ])("there is none when %s", (_, inUse) => {
    expect(() => freeSlot({ ...nothing, ...inUse })).toThrow(ClusterError);
  });
});
