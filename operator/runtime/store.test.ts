import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WatchEvent } from "./api.ts";
import type { KubeObject } from "./objects.ts";
import { Store } from "./store.ts";

const object = (name: string, resourceVersion: number | string): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "ns", resourceVersion: String(resourceVersion) },
});

const state = (store: Store) =>
  [...store.values()].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();

const types = (changes: readonly ({ type: string; object: KubeObject } | undefined)[]) =>
  changes.map((change) => change && `${change.type} ${change.object.metadata.name}`);

describe("a list", () => {
  test("reports as deleted what vanished while nobody watched", () => {
    const store = new Store();
    store.replace([object("a", 1), object("b", 2)], "5");
    expect(types(store.replace([object("b", 2), object("c", 7)], "8"))).toEqual(["added c", "deleted a"]);
    expect(state(store)).toEqual(["b@2", "c@7"]);
  });

  test("keeps an own write that is newer than itself", () => {
    const store = new Store();
    store.replace([], "5");
    store.observe(object("a", 9));
    expect(types(store.replace([], "8"))).toEqual([]);
    expect(state(store)).toEqual(["a@9"]);
  });

  test("does not take an object back to an older version", () => {
    const store = new Store();
    store.replace([object("a", 3)], "5");
    store.observe(object("a", 9));
    expect(types(store.replace([object("a", 3)], "8"))).toEqual([]);
    expect(state(store)).toEqual(["a@9"]);
  });

  test("older than what was watched is a restored cluster: it is the truth", () => {
    const store = new Store();
    store.replace([object("a", 90), object("b", 91)], "100");
    expect(types(store.replace([object("a", 7)], "50"))).toEqual(["modified a", "deleted b"]);
    expect(state(store)).toEqual(["a@7"]);
  });
});

describe("an own write", () => {
  test("is seen at once, and its event is then no change", () => {
    const store = new Store();
    store.replace([], "5");
    expect(types([store.observe(object("a", 7))])).toEqual(["added a"]);
    expect(store.take({ type: "ADDED", object: object("a", 7) })).toBeUndefined();
  });

  test("that the watch is past brings no deleted object back", () => {
    const store = new Store();
    store.replace([], "5");
    store.take({ type: "ADDED", object: object("a", 7) });
    store.take({ type: "DELETED", object: object("a", 8) });
    expect(store.observe(object("a", 7))).toBeUndefined();
    expect(state(store)).toEqual([]);
  });

  test("survives the event of an older deletion", () => {
    const store = new Store();
    store.replace([object("a", 3)], "5");
    store.observe(object("a", 9)); // created again after the deletion at 8
    store.take({ type: "DELETED", object: object("a", 8) });
    expect(state(store)).toEqual(["a@9"]);
  });

  test("before the first list is not taken", () => {
    const store = new Store();
    expect(store.observe(object("a", 7))).toBeUndefined();
  });
});

test("versions are compared as numbers of any length", () => {
  const store = new Store();
  store.replace([object("a", "99999999999999999999")], "99999999999999999999");
  expect(store.take({ type: "MODIFIED", object: object("a", "100000000000000000000") })?.type).toBe("modified");
});

test("whenever answers to own writes arrive, the store ends where the cluster is", () => {
  // A history of writes to three objects; each write's answer arrives before or after any of the later events.
  const write = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    del: fc.boolean(),
    own: fc.boolean(),
    late: fc.nat(6),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 25 }), (history) => {
      const cluster = new Map<string, KubeObject>();
      const events: WatchEvent[] = [];
      const answers: { object: KubeObject; after: number }[] = [];
      let version = 10;
      for (const { name, del, own, late } of history) {
        version += 1;
        if (del) {
          if (!cluster.delete(name)) continue;
          events.push({ type: "DELETED", object: object(name, version) });
        } else {
          events.push({ type: cluster.has(name) ? "MODIFIED" : "ADDED", object: object(name, version) });
          cluster.set(name, object(name, version));
          // From well before its event to well after it.
          if (own) answers.push({ object: object(name, version), after: events.length - 3 + late });
        }
      }
      const store = new Store();
      store.replace([], "10");
      for (let index = -3; index < events.length + 6; index++) {
        const event = events[index];
        if (event) store.take(event);
        for (const answer of answers) if (answer.after === index) store.observe(answer.object);
      }
      const wanted = [...cluster.values()].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
      expect(state(store)).toEqual(wanted);
    }),
  );
});
