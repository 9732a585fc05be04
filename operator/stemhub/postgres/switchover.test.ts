import { describe, expect, test } from "vitest";
import type { StemHub, SwitchoverStatus } from "../../api/stemhub.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { aMember, aTopology } from "../../testing/topology.ts";
import {
  decideSwitchover,
  type SwitchoverWish,
  switchoverAnnotation,
  switchoverDeadlineMs,
  switchoverRequest,
  switchoverRestMs,
} from "./switchover.ts";
import type { Topology } from "./topology.ts";

const now = Date.parse("2026-01-15T12:00:00Z");
const behind = { ready: false, inSync: false };
const whole = aTopology();

function asked(request: string | undefined, last?: SwitchoverStatus): StemHub {
  const stemhub = aStemHub();
  return {
    ...stemhub,
    metadata: { ...stemhub.metadata, annotations: request ? { [switchoverAnnotation]: request } : {} },
    status: { database: { instances: 3, ready: 3, inSync: 3, summary: "3/3 in sync", switchover: last } },
  };
}
const requested: SwitchoverStatus = {
  cause: "Annotation",
  request: "any",
  phase: "Requested",
  from: "studio-db-0",
  to: "studio-db-1",
  since: new Date(now).toISOString(),
  message: "m",
};

const decided = (stemhub: StemHub, topology: Topology, at: number, wish?: SwitchoverWish) =>
  decideSwitchover({ stemhub, topology, wish, now: at });

test("given no annotation, then nothing is done", () => {
  expect(decided(asked(undefined), whole, now)).toEqual({ step: "none" });
});

describe("given a new request", () => {
  test("for any, then the first replica in sync is chosen", () => {
    const topology = { ...whole, members: [aMember(0), aMember(1, behind), aMember(2)] };
    expect(decided(asked("any"), topology, now)).toMatchObject({
      step: "open",
      report: { phase: "Requested", request: "any", from: "studio-db-0", to: "studio-db-2" },
    });
  });

  test("for a pod, then it is that one, whatever follows its name", () => {
    expect(decided(asked("studio-db-2 2026-01-15"), whole, now)).toMatchObject({
      step: "open",
      report: { to: "studio-db-2" },
    });
  });

  test.each<[string, string, Topology, RegExp]>([
    ["a pod that is none of its members", "other-db-1", whole, /the members are studio-db-0, studio-db-1, studio-db-2/],
    [
      "a replica that is not in sync",
      "studio-db-1",
      { ...whole, members: [aMember(0), aMember(1, behind), aMember(2)] },
      /Not in sync: studio-db-1/,
    ],
    ["a database without a primary", "any", { ...whole, primary: undefined }, /no primary now/],
    ["a single instance", "any", { ...whole, members: [aMember(0)] }, /names no replica/],
  ])("for %s, then it is refused, with what to do", (_, request, topology, sentence) => {
    const decision = decided(asked(request), topology, now);
    expect(decision).toMatchObject({ step: "close", report: { phase: "Refused", request } });
    expect(decision.step === "close" && decision.report.message).toMatch(sentence);
  });

  test("for the primary itself, then it is done already", () => {
    expect(decided(asked("studio-db-0"), whole, now)).toMatchObject({
      step: "close",
      report: { phase: "Done" },
    });
  });
});

describe("given a request that Patroni was asked for", () => {
  test("when the other is primary, then it is done", () => {
    const moved = { ...whole, primary: "studio-db-1" };
    expect(decided(asked("any", requested), moved, now + 4_000)).toMatchObject({
      step: "close",
      report: { phase: "Done", request: "any", message: "studio-db-1 is primary in place of studio-db-0." },
    });
  });

  test("when the primary is still the same, then Patroni is asked until the deadline, whatever the annotation says now", () => {
    const decision = decided(asked("studio-db-2", requested), whole, now + 27_000);
    expect(decision).toEqual({ step: "ask", from: "studio-db-0", to: "studio-db-1", requeueAfterMs: 3_000 });
  });

  test("when nobody is primary, then it is under way, and is waited for", () => {
    const between = { ...whole, primary: undefined };
    expect(decided(asked("any", requested), between, now)).toEqual({ step: "wait", requeueAfterMs: 5_000 });
  });

  test("when the deadline passes, then it has failed and is withdrawn: it must not come true later", () => {
    const decision = decided(asked("any", requested), whole, now + switchoverDeadlineMs);
    expect(decision).toMatchObject({ step: "withdraw", report: { phase: "Failed" } });
  });
});

test.each(["Done", "Refused", "Failed"] as const)(
  "given a request that is %s, then it is not carried out again",
  (phase) => {
    expect(decided(asked("any", { ...requested, phase }), whole, now)).toEqual({ step: "none" });
    expect(decided(asked("any again", { ...requested, phase }), whole, now).step).toBe("open");
  },
);

describe("given a change that needs another primary", () => {
  const wish: SwitchoverWish = { cause: "Restart", mayBecomePrimary: ({ outdated }) => !outdated };
  const topology = aTopology({ members: [aMember(0, { outdated: true }), aMember(1, { outdated: true }), aMember(2)] });

  test("then it goes to a replica that may, and the last request stays carried out", () => {
    const decision = decided(asked("any", { ...requested, phase: "Done" }), topology, now, wish);
    expect(decision).toMatchObject({
      step: "open",
      report: { cause: "Restart", request: "any", from: "studio-db-0", to: "studio-db-2" },
    });
  });

  test("and a person who asks for one, then the person comes first", () => {
    const decision = decided(asked("studio-db-1"), topology, now, wish);
    expect(decision).toMatchObject({ step: "open", report: { cause: "Annotation", to: "studio-db-1" } });
  });

  test("and one that failed, then it rests before it is tried again", () => {
    const failed = asked("any", { ...requested, phase: "Failed" });
    expect(decided(failed, topology, now + 40_000, wish)).toEqual({ step: "wait", requeueAfterMs: 20_000 });
    expect(decided(failed, topology, now + switchoverRestMs, wish).step).toBe("open");
  });

  test("and no replica that may, then nothing is done", () => {
    const none = { ...wish, mayBecomePrimary: () => false };
    expect(decided(asked(undefined), topology, now, none)).toEqual({ step: "none" });
  });
});

test("the request is what Patroni reads from its store, under the labels by which it looks", () => {
  const { metadata } = switchoverRequest(asked("any"), { from: "studio-db-0", to: "studio-db-1" });
  expect(metadata).toMatchObject({
    name: "studio-db-failover",
    labels: { "stemhub.dev/database": "studio-db" },
    annotations: { leader: "studio-db-0", member: "studio-db-1" },
  });
  expect(switchoverRequest(asked("any")).metadata.annotations).toEqual({});
});
