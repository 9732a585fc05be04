import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../runtime/log.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { FakeClock } from "../../testing/clock.ts";
import { aPod } from "../../testing/pods.ts";
import { isBadlyPlaced, patienceMs, watchPlacement } from "./leader-placement.ts";

test.each<[string, (string | undefined)[], boolean]>([
  ["the only primary", ["n1"], true],
  ["two of three primaries", ["n1", "n2", "n1"], true],
  ["half of the primaries", ["n1", "n2"], false],
  ["no primary", ["n2"], false],
  ["where there are none", [], false],
])("a leader beside %s: %s, %s", (_, nodes, expected) => {
  expect(isBadlyPlaced("n1", nodes)).toBe(expected);
});

describe("given a leader on the node of the only primary", () => {
  let stop = new AbortController();
  afterEach(() => stop.abort());

  function watching(resignedAtMs?: number) {
    stop = new AbortController();
    const clock = new FakeClock();
    const world = { node: "n1", resigned: 0 };
    const cache = {
      get: () => undefined,
      list: (): KubeObject[] => [aPod({ name: "studio-db-0", node: world.node })],
    };
    const resign = () => {
      world.resigned += 1;
    };
    const options = { cache, clock, log: silentLog, signal: stop.signal, ownNode: "n1", resign, resignedAtMs };
    const { signal } = stop;
    watchPlacement(options).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    return { clock, world };
  }

  test("when that lasts, then it makes room, once", async () => {
    const { clock, world } = watching();
    await clock.advance(patienceMs - 1_000);
    expect(world.resigned).toBe(0);
    await clock.advance(patienceMs * 10);
    expect(world.resigned).toBe(1);
  });

  test("when the primary moves meanwhile, then it stays", async () => {
    const { clock, world } = watching();
    await clock.advance(patienceMs / 2);
    world.node = "n2";
    await clock.advance(20_000);
    world.node = "n1";
    await clock.advance(patienceMs / 2);
    expect(world.resigned).toBe(0);
  });

  test("when it made room just now and nobody came, then it stays for an hour", async () => {
    const { clock, world } = watching(0);
    await clock.advance(3_590_000);
    expect(world.resigned).toBe(0);
    await clock.advance(60_000);
    expect(world.resigned).toBe(1);
  });
});
