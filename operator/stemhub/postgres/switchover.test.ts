import { describe, expect, test } from "vitest";
import type { StemHub, SwitchoverStatus } from "../../api/stemhub.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { decideSwitchover, switchoverAnnotation, switchoverDeadlineMs, switchoverRequest } from "./switchover.ts";
import type { Member, Topology } from "./topology.ts";

const now = Date.parse("2026-01-15T12:00:00Z");
const member = (ordinal: number, inSync = true): Member => ({
  pod: `studio-db-${ordinal}`,
  ordinal,
  role: ordinal === 0 ? "primary" : "replica",
  ready: inSync,
  inSync,
  node: `n${ordinal}`,
});
const whole: Topology = { primary: "studio-db-0", members: [0, 1, 2].map((i) => member(i)), initialized: true };

function asked(request: string | undefined, last?: SwitchoverStatus): StemHub {
  const stemhub = aStemHub();
  return {
    ...stemhub,
    metadata: { ...stemhub.metadata, annotations: request ? { [switchoverAnnotation]: request } : {} },
    status: { database: { instances: 3, ready: 3, inSync: 3, summary: "3/3 in sync", switchover: last } },
  };
}
const requested: SwitchoverStatus = {
  request: "any",
  phase: "Requested",
  from: "studio-db-0",
  to: "studio-db-1",
  since: new Date(now).toISOString(),
  message: "m",
};

test("given no annotation, then nothing is done", () => {
  expect(decideSwitchover(asked(undefined), whole, now)).toEqual({ step: "none" });
});

describe("given a new request", () => {
  test("for any, then the first replica in sync is chosen", () => {
    const topology = { ...whole, members: [member(0), member(1, false), member(2)] };
    expect(decideSwitchover(asked("any"), topology, now)).toMatchObject({
      step: "open",
      report: { phase: "Requested", request: "any", from: "studio-db-0", to: "studio-db-2" },
    });
  });

  test("for a pod, then it is that one, whatever follows its name", () => {
    expect(decideSwitchover(asked("studio-db-2 2026-01-15"), whole, now)).toMatchObject({
      step: "open",
      report: { to: "studio-db-2" },
    });
  });

  test.each<[string, string, Topology, RegExp]>([
    ["a pod that is none of its members", "other-db-1", whole, /the members are studio-db-0, studio-db-1, studio-db-2/],
    [
      "a replica that is not in sync",
      "studio-db-1",
      { ...whole, members: [member(0), member(1, false), member(2)] },
      /Not in sync: studio-db-1/,
    ],
    ["a database without a primary", "any", { ...whole, primary: undefined }, /no primary now/],
    ["a single instance", "any", { ...whole, members: [member(0)] }, /names no replica/],
  ])("for %s, then it is refused, with what to do", (_, request, topology, sentence) => {
    const decision = decideSwitchover(asked(request), topology, now);
    expect(decision).toMatchObject({ step: "close", report: { phase: "Refused", request } });
    expect(decision.step === "close" && decision.report.message).toMatch(sentence);
  });

  test("for the primary itself, then it is done already", () => {
    expect(decideSwitchover(asked("studio-db-0"), whole, now)).toMatchObject({
      step: "close",
      report: { phase: "Done" },
    });
  });
});

describe("given a request that Patroni was asked for", () => {
  test("when the other is primary, then it is done", () => {
    const moved = { ...whole, primary: "studio-db-1" };
    expect(decideSwitchover(asked("any", requested), moved, now + 4_000)).toMatchObject({
      step: "close",
      report: { phase: "Done", request: "any", message: "studio-db-1 is primary in place of studio-db-0." },
    });
  });

  test("when the primary is still the same, then Patroni is asked until the deadline, whatever the annotation says now", () => {
    const decision = decideSwitchover(asked("studio-db-2", requested), whole, now + 27_000);
    expect(decision).toEqual({ step: "ask", from: "studio-db-0", to: "studio-db-1", requeueAfterMs: 3_000 });
  });

  test("when nobody is primary, then it is under way, and is waited for", () => {
    const between = { ...whole, primary: undefined };
    expect(decideSwitchover(asked("any", requested), between, now)).toEqual({ step: "wait", requeueAfterMs: 5_000 });
  });

  test("when the deadline passes, then it has failed and is withdrawn: it must not come true later", () => {
    const decision = decideSwitchover(asked("any", requested), whole, now + switchoverDeadlineMs);
    expect(decision).toMatchObject({ step: "withdraw", report: { phase: "Failed" } });
  });
});

test.each(["Done", "Refused", "Failed"] as const)(
  "given a request that is %s, then it is not carried out again",
  (phase) => {
    expect(decideSwitchover(asked("any", { ...requested, phase }), whole, now)).toEqual({ step: "none" });
    expect(decideSwitchover(asked("any again", { ...requested, phase }), whole, now).step).toBe("open");
  },
);

test("the request is what Patroni reads from its store, under the labels by which it looks", () => {
  const { metadata } = switchoverRequest(asked("any"), { from: "studio-db-0", to: "studio-db-1" });
  expect(metadata).toMatchObject({
    name: "studio-db-failover",
    labels: { "stemhub.dev/database": "studio-db" },
    annotations: { leader: "studio-db-0", member: "studio-db-1" },
  });
  expect(switchoverRequest(asked("any")).metadata.annotations).toEqual({});
});
