import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DatabaseMode } from "../../operator/api/mode-document.ts";
import { type Answer, afterVerdict, type Circumstances, maxFailures, nextStep, retryLimits, settle } from "./decide.ts";
import { noRevocations } from "./revocations.ts";
import { aWrite } from "./testing/write.ts";
import { accepted, isPending, isTerminal, type Write, type WriteState } from "./write.ts";

const hour = 3_600_000;
const start = Date.parse("2026-03-01T12:00:00Z");
const at = (more: Partial<Circumstances> = {}): Circumstances => ({
  now: start,
  mode: "Normal",
  revocations: noRevocations,
  worker: "me",
  ageMs: 24 * hour,
  ...more,
});
const sending = (more: object = {}) =>
  ({ name: "Sending", attempts: 1, failures: 0, uncertain: false, worker: "me", ...more }) as const;
const answered = (status: number, readOnly = false): Answer => ({ kind: "answered", status, readOnly });
const keyed = aWrite({ idempotency: "key", acceptedAt: start });
const plain = aWrite({ idempotency: "none", acceptedAt: start });

describe("given a write that waits", () => {
  test.each([
    ["the mode is Normal", {}, { step: "send" }],
    ["the mode is Draining", { mode: "Draining" }, { step: "send" }],
    ["the mode is ReadOnly", { mode: "ReadOnly" }, { step: "wait", reason: "Mode" }],
    ["the mode is Unavailable", { mode: "Unavailable" }, { step: "wait", reason: "Mode" }],
    ["the mode was never read", { mode: undefined }, { step: "wait", reason: "Mode" }],
    ["it is too old, whatever the mode", { mode: "ReadOnly", now: start + 25 * hour }, dead("Expired")],
    ["its token is revoked", { revocations: { tokens: ["token-1"], subjects: {} } }, dead("Revoked")],
    ["its author is", { revocations: { tokens: [], subjects: { ada: start / 1_000 } } }, dead("Revoked")],
    [
      "its author was, before the token was issued",
      { revocations: { tokens: [], subjects: { ada: 1 } } },
      { step: "send" },
    ],
    [
      "revoked, but the mode lets nobody send",
      { mode: "ReadOnly", revocations: { tokens: ["token-1"], subjects: {} } },
      { step: "wait" },
    ],
  ] as const)("when %s, then it is so", (_when, circumstances, then) => {
    expect(nextStep(keyed, accepted, at(circumstances as Partial<Circumstances>))).toMatchObject(then);
  });

  test("when it failed before, then it waits its time and no longer", () => {
    const state: WriteState = { ...(accepted as object), notBefore: start + 700 } as WriteState;
    expect(nextStep(keyed, state, at())).toEqual({ step: "wait", reason: "Backoff", dueInMs: 700 });
    expect(nextStep(keyed, state, at({ now: start + 700 }))).toMatchObject({ step: "send" });
  });

  test("when the wall clock was set back by a day, then it waits no longer than any backoff", () => {
    const state: WriteState = { ...(accepted as object), notBefore: start } as WriteState;
    expect(nextStep(keyed, state, at({ now: start - 24 * hour }))).toMatchObject({ dueInMs: retryLimits.maxMs });
  });
});

describe("given a write that was sent", () => {
  test.each([
    ["200", keyed, answered(200), { name: "Applied", status: 200 }],
    ["201 on a route without keys", plain, answered(201), { name: "Applied", status: 201 }],
    ["303", plain, answered(303), { name: "Applied", status: 303 }],
    ["a redirect", keyed, answered(308), { name: "DeadLetter", reason: "Refused", status: 308 }],
    ["404", keyed, answered(404), { name: "DeadLetter", reason: "Refused", status: 404 }],
    ["409", keyed, answered(409), { name: "DeadLetter", reason: "Refused", status: 409 }],
    ["422", plain, answered(422), { name: "DeadLetter", reason: "Refused", status: 422 }],
    ["429", plain, answered(429), { name: "Queued", failures: 1 }],
    ["500", plain, answered(500), { name: "Queued", failures: 1, uncertain: false }],
    ["503", keyed, answered(503), { name: "Queued", failures: 1 }],
    ["503 read-only", keyed, answered(503, true), { name: "Queued", failures: 0 }],
    ["no connection", plain, { kind: "notSent" }, { name: "Queued", failures: 0, uncertain: false }],
    ["nothing, with keys", keyed, { kind: "lost" }, { name: "Queued", failures: 1, uncertain: true }],
    ["nothing, without keys", plain, { kind: "lost" }, { name: "DeadLetter", reason: "OutcomeUnknown" }],
  ] as const)("when the app answers %s, then it is so", (_when, write, answer, then) => {
    expect(settle(write, sending(), answer, at())).toMatchObject(then);
  });

  test("when the attempt before it was lost, and the app says 409, then that one is still under way", () => {
    const state = settle(keyed, sending({ uncertain: true }), answered(409), at());
    expect(state).toMatchObject({ name: "Queued", uncertain: true });
  });

  test("when the app fails for the last time that is allowed, then it is given up with the app's status", () => {
    const state = settle(keyed, sending({ failures: maxFailures - 1 }), answered(500), at());
    expect(state).toMatchObject({ name: "DeadLetter", reason: "GaveUp", status: 500 });
  });

  test("when its worker has ended meanwhile, then it is as if the answer was lost", () => {
    const orphan = sending({ worker: "another" });
    expect(nextStep(keyed, orphan, at())).toMatchObject({ step: "become", state: { name: "Queued", uncertain: true } });
    expect(nextStep(plain, orphan, at())).toMatchObject({ step: "become", state: { reason: "OutcomeUnknown" } });
    expect(nextStep(plain, sending(), at())).toEqual({ step: "none" });
  });
});

describe("given a person's verdict", () => {
  test.each([
    ["retry", "Queued"],
    ["drop", "Dropped"],
  ] as const)("when it is %s, then a dead letter is %s, and nothing else is touched", (verdict, name) => {
    const letter: WriteState = { name: "DeadLetter", attempts: 3, reason: "Refused", status: 404, at: start };
    expect(afterVerdict(letter, verdict, start)).toMatchObject({ name, attempts: 3 });
    for (const state of [accepted, sending(), { name: "Applied", attempts: 1, status: 200, at: start } as const]) {
      expect(afterVerdict(state, verdict, start)).toBeUndefined();
    }
  });
});

/** What the world may do to a write, in any order. */
type Happening =
  | { readonly what: "time"; readonly ms: number }
  | { readonly what: "mode"; readonly mode: DatabaseMode }
  | { readonly what: "work"; readonly answer: Answer; readonly applies: boolean }
  /** The process ends: before the mark, after it, after the app has answered. */
  | { readonly what: "crash"; readonly at: "marked" | "answered"; readonly applies: boolean }
  | { readonly what: "verdict"; readonly verdict: "retry" | "drop" };

const answers: fc.Arbitrary<Answer> = fc.oneof(
  fc.constantFrom<Answer>({ kind: "notSent" }, { kind: "lost" }),
  fc.record({
    kind: fc.constant("answered" as const),
    status: fc.integer({ min: 200, max: 599 }),
    readOnly: fc.boolean(),
  }),
);
const happenings: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ what: fc.constant("time" as const), ms: fc.integer({ min: 0, max: 2 * hour }) }),
  fc.record({
    what: fc.constant("mode" as const),
    mode: fc.constantFrom<DatabaseMode>("Normal", "Draining", "ReadOnly", "Unavailable"),
  }),
  fc.record({ what: fc.constant("work" as const), answer: answers, applies: fc.boolean() }),
  fc.record({
    what: fc.constant("crash" as const),
    at: fc.constantFrom("marked" as const, "answered" as const),
    applies: fc.boolean(),
  }),
  fc.record({ what: fc.constant("verdict" as const), verdict: fc.constantFrom("retry" as const, "drop" as const) }),
);

/** A store of one write, an app that remembers keys where the route says so, and a worker that may end at any point. */
class History {
  state: WriteState = accepted;
  now = start;
  mode: DatabaseMode = "ReadOnly";
  worker = 1;
  applied = 0;
  dropped = false;
  retriedByPerson = false;
  readonly write: Write;

  constructor(write: Write) {
    this.write = write;
  }

  happen(event: Happening): void {
    switch (event.what) {
      case "time":
        this.now += event.ms;
        return;
      case "mode":
        this.mode = event.mode;
        return;
      case "verdict": {
        const next = afterVerdict(this.state, event.verdict, this.now);
        this.retriedByPerson ||= next?.name === "Queued";
        this.dropped ||= next?.name === "Dropped";
        this.state = next ?? this.state;
        return;
      }
      case "work":
      case "crash":
        this.#work(event);
    }
  }

  #work(event: Extract<Happening, { what: "work" | "crash" }>): void {
    const step = nextStep(this.write, this.state, this.#at());
    if (step.step === "become") this.state = step.state;
    if (step.step !== "send" || step.mark.name !== "Sending") return;
    this.state = step.mark;
    if (event.what === "crash") {
      if (event.at === "answered" && event.applies) this.#apply();
      this.worker += 1;
      return;
    }
    const { answer } = event;
    const isDone = answer.kind === "answered" && answer.status < 300;
    // An app that answers with a failure has not applied it; one whose answer is lost may have.
    if (isDone || (answer.kind === "lost" && event.applies)) this.#apply();
    this.state = settle(this.write, step.mark, answer, this.#at(), () => 0.5);
  }

  #apply(): void {
    if (this.write.idempotency === "key") this.applied = 1;
    else this.applied += 1;
  }

  #at(): Circumstances {
    return at({ now: this.now, mode: this.mode, worker: `worker ${this.worker}` });
  }
}

describe.each([["key"], ["none"]] as const)("given any history of a write with idempotency: %s", (idempotency) => {
  const histories = fc.array(happenings, { maxLength: 60 });
  const historyOf = (events: readonly Happening[]) => {
    const history = new History(aWrite({ idempotency, acceptedAt: start }));
    for (const event of events) history.happen(event);
    return history;
  };

  test("then it is pending, a listed dead letter, applied, or was dropped by a person", () => {
    fc.assert(
      fc.property(histories, (events) => {
        const { state, applied, dropped } = historyOf(events);
        if (isPending(state) || state.name === "DeadLetter") return;
        expect(isTerminal(state)).toBe(true);
        if (state.name === "Applied" && state.status < 300) expect(applied).toBeGreaterThan(0);
        if (state.name === "Dropped") expect(dropped).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("then the app has applied it once at most, unless a person sent it again", () => {
    fc.assert(
      fc.property(histories, (events) => {
        const { applied, retriedByPerson } = historyOf(events);
        if (!retriedByPerson) expect(applied).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });

  test("then with the mode back and an app that works it ends within minutes: applied, or a dead letter", () => {
    fc.assert(
      fc.property(histories, (events) => {
        const history = historyOf(events);
        history.happen({ what: "mode", mode: "Draining" });
        for (let step = 0; step < 4 && isPending(history.state); step++) {
          history.happen({ what: "time", ms: retryLimits.maxMs });
          history.happen({ what: "work", answer: answered(200), applies: true });
        }
        expect(isPending(history.state)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("then an app that fails for ever makes it a dead letter after a bounded number of attempts", () => {
    const history = historyOf([{ what: "mode", mode: "Normal" }]);
    for (let attempt = 0; attempt < maxFailures; attempt++) {
      history.happen({ what: "time", ms: retryLimits.maxMs });
      history.happen({ what: "work", answer: answered(500), applies: false });
    }
    expect(history.state).toMatchObject({ name: "DeadLetter", reason: "GaveUp" });
  });
});

function dead(reason: string) {
  return { step: "become", state: { name: "DeadLetter", reason } };
}
