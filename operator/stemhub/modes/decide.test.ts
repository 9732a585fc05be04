import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Capability, capabilityNames, type ModeDocument, modeDocumentSchema } from "../../api/mode-document.ts";
import { modesSchema } from "../../api/modes.ts";
import { changeMs, isolatedMs, liftMs, rank, silenceMs } from "./causes.ts";
import { decideModes, drainMs, type ModeDecision, type ModeFacts } from "./decide.ts";
import { flapWindowMs } from "./dwell.ts";
import {
  type Answer,
  type Evidence,
  evidenceOf,
  type Record as Kept,
  type Question,
  questions,
  recorded,
} from "./evidence.ts";

const began = Date.UTC(2026, 10, 25);
const settings = modesSchema.parse({});
const ok: Evidence = { state: "ok", forMs: 3_600_000 };
const unknown: Evidence = { state: "unknown" };
const failing = (failures: number, forMs = failures * 1_000): Evidence => ({
  state: "failing",
  failures,
  forMs,
  detail: "as the test says",
});
const all = (evidence: Evidence) => Object.fromEntries(questions.map((question) => [question, evidence])) as Evidences;
type Evidences = Record<Question, Evidence>;

const calm: ModeFacts = {
  stemhub: "studio",
  former: undefined,
  flips: [],
  evidence: all(ok),
  database: { started: true, changing: false, isolated: false, volumeFull: undefined, liftedForMs: undefined },
  uses: { storage: true, collaboration: true, dawParsing: true, auth: true },
  queue: undefined,
  settings,
  now: began,
};

/** What is decided when something is the case, some ms after all was Normal. */
function whenAfter(ms: number, evidence: Partial<Evidences>, more: Partial<ModeFacts> = {}): ModeDecision {
  return next(decideModes(calm), ms, evidence, more);
}

function next(former: ModeDecision, ms: number, evidence: Partial<Evidences> = {}, more: Partial<ModeFacts> = {}) {
  const { document, flips } = former;
  const now = Date.parse(document.since) + ms;
  return decideModes({ ...calm, former: document, flips, evidence: { ...all(ok), ...evidence }, now, ...more });
}

const modesOf = ({ document }: ModeDecision) => [
  document.mode,
  document.capabilities.database.mode,
  document.capabilities.database.reason,
];

const override = (mode: string, endsMs: number) =>
  modesSchema.parse({ override: { mode, reason: "a move", expires: new Date(began + endsMs).toISOString() } });

describe("given all was Normal, when", () => {
  const changing = { database: { ...calm.database, changing: true } };
  const isolated = { database: { ...calm.database, isolated: true } };
  test.each<[string, Partial<Evidences>, Partial<ModeFacts>, string[]]>([
    ["nothing fails", {}, {}, ["Normal", "Normal", "Healthy"]],
    [
      "writes are silent for less than is told",
      { writes: failing(1, silenceMs - 1) },
      {},
      ["Normal", "Normal", "Healthy"],
    ],
    ["writes are silent", { writes: failing(1, silenceMs) }, {}, ["ReadOnly", "ReadOnly", "WriteUnanswered"]],
    ["the role moves", { writes: failing(1, changeMs - 1) }, changing, ["Normal", "Normal", "Healthy"]],
    [
      "the role moves for too long",
      { primary: failing(1, changeMs) },
      changing,
      ["ReadOnly", "ReadOnly", "PrimaryLost"],
    ],
    ["one read fails", { reads: failing(1) }, {}, ["Normal", "Normal", "Healthy"]],
    ["two reads fail", { reads: failing(2) }, {}, ["Unavailable", "Unavailable", "ReadUnanswered"]],
    [
      "the operator may be cut off",
      { reads: failing(9, 9_000), primary: failing(1, 9_000), writes: failing(1, 9_000) },
      isolated,
      ["Normal", "Normal", "Healthy"],
    ],
    [
      "nobody is reached for so long that its lease would be lost",
      { reads: failing(12, isolatedMs), writes: failing(1, isolatedMs) },
      isolated,
      ["Unavailable", "Unavailable", "ReadUnanswered"],
    ],
    [
      "the disk fills",
      {},
      { database: { ...calm.database, volumeFull: "91 % full" } },
      ["ReadOnly", "ReadOnly", "VolumeFull"],
    ],
    ["storage takes no writes", { storageWrites: failing(3) }, {}, ["Degraded", "Normal", "Healthy"]],
    ["nobody can sign in", { auth: failing(3) }, {}, ["Degraded", "Normal", "Healthy"]],
    [
      "auth fails, and the spec has none",
      { auth: failing(3) },
      { uses: { ...calm.uses, auth: false } },
      ["Normal", "Normal", "Healthy"],
    ],
  ])("%s, then that is its mode", (_, evidence, more, expected) => {
    expect(modesOf(whenAfter(60_000, evidence, more))).toEqual(expected);
  });

  test("storage fails, then reads that go on are told from those that do not", () => {
    const storage = (evidence: Partial<Evidences>) => whenAfter(1, evidence).document.capabilities.storage.mode;
    expect(storage({ storageWrites: failing(3) })).toBe("Degraded");
    expect(storage({ storageWrites: failing(3), storageReads: failing(3) })).toBe("Unavailable");
  });

  test("storage fails, then users read its sentence, and only of what fails", () => {
    const { document } = whenAfter(1, { storageReads: failing(3), storageWrites: failing(3) });
    expect(document.message).toBe("Working offline - changes will sync when reconnected");
    expect(document.capabilities.auth.message).toBe("");
  });

  test("storage and database fail, then users read the database's sentence", () => {
    const { document } = whenAfter(1, { storageReads: failing(3), writes: failing(1, silenceMs) });
    expect(document.message).toBe(settings.messages.database);
  });

  test("a silence is too short to be told, then it is looked at again when it is not", () => {
    expect(whenAfter(60_000, { writes: failing(1, 2_000) }).reviewInMs).toBe(silenceMs - 2_000);
  });
});

describe("given a StemHub that is being made", () => {
  const born: ModeFacts = { ...calm, evidence: all(unknown), database: { ...calm.database, started: false } };
  test("then nothing works yet, and that is no flip", () => {
    const { document, flips } = decideModes(born);
    expect([document.mode, document.capabilities.auth.reason, flips]).toEqual(["Unavailable", "Starting", []]);
  });

  test("and goes from there to Normal in one step, however its parts come up", () => {
    const first = decideModes({ ...calm, evidence: all(unknown), database: { ...calm.database, started: false } });
    const halfway = next(first, 1_000, { ...all(unknown), reads: ok });
    expect(modesOf(halfway)).toEqual(["Unavailable", "Unavailable", "Starting"]);
    const up = next(halfway, 2_000);
    expect(modesOf(up)).toEqual(["Normal", "Normal", "Healthy"]);
    expect(up.flips.filter(({ capability }) => capability === "database")).toHaveLength(1);
  });

  test("then its epoch is above that of one that had its name before", () => {
    const later = decideModes({ ...born, now: began + 5_000 });
    expect(later.document.epoch).toBeGreaterThan(decideModes(born).document.epoch);
  });
});

describe("given the database was read-only", () => {
  const lost = whenAfter(60_000, { writes: failing(1, silenceMs) });
  test("when it takes writes again for the first time, then it returns at once", () => {
    const back = next(lost, 500, { writes: { state: "ok", forMs: 0 } });
    expect(modesOf(back)).toEqual(["Normal", "Normal", "Healthy"]);
  });

  test("when another operator leads, which knows nothing yet, then it stays so", () => {
    expect(next(lost, 500, all(unknown)).document).toEqual(lost.document);
  });

  test("when writes are answered and reads are not, then one does not hide the other", () => {
    expect(modesOf(next(lost, 500, { reads: failing(2) }))).toEqual(["Unavailable", "Unavailable", "ReadUnanswered"]);
  });

  test("when it takes writes again and some are queued, then they go first, for a bounded time", () => {
    const draining = next(lost, 500, {}, { queue: { pending: 7 } });
    expect(modesOf(draining)).toEqual(["Degraded", "Draining", "QueuedWrites"]);
    expect(draining.reviewInMs).toBe(drainMs);
    expect(modesOf(next(draining, 500, {}, { queue: { pending: 0 } }))[0]).toBe("Normal");
    expect(modesOf(next(draining, 500, {}, { queue: undefined }))[0]).toBe("Normal");
    expect(modesOf(next(draining, drainMs - 1, {}, { queue: { pending: 1 } }))[0]).toBe("Degraded");
    expect(modesOf(next(draining, drainMs, {}, { queue: { pending: 1 } }))[0]).toBe("Normal");
  });

  test("when its disk has room again, then users wait until PostgreSQL has heard of it", () => {
    const volumeFull = "91 % full";
    const full = whenAfter(1, {}, { database: { ...calm.database, volumeFull, liftedForMs: 0 } });
    const lifted = (liftedForMs: number | undefined) => ({ database: { ...calm.database, liftedForMs } });
    expect(modesOf(next(full, 60_000, {}, lifted(1_000)))).toEqual(["ReadOnly", "ReadOnly", "WritesReturning"]);
    expect(modesOf(next(full, 60_000, {}, lifted(undefined)))).toEqual(["ReadOnly", "ReadOnly", "WritesReturning"]);
    expect(modesOf(next(full, 60_000, {}, lifted(liftMs)))[0]).toBe("Normal");
  });
});

describe("given a database that failed, came back and failed again", () => {
  const lost = whenAfter(60_000, { writes: failing(1, silenceMs) });
  const back = next(lost, 500);
  const again = next(back, 10_000, { writes: failing(1, silenceMs) });

  test("then it is told at once", () => {
    expect(modesOf(again)[0]).toBe("ReadOnly");
  });

  test("when it takes writes again, then users wait until it has done well for the dwell time", () => {
    const well = (forMs: number) => ({ writes: { state: "ok", forMs } as const });
    const early = next(again, 14_999, well(14_000));
    expect([modesOf(early)[0], early.reviewInMs]).toEqual(["ReadOnly", 1_000]);
    expect(modesOf(next(again, 60_000, well(14_999)))[0]).toBe("ReadOnly");
    expect(modesOf(next(again, 15_000, well(15_000)))[0]).toBe("Normal");
  });

  test("when that was more than two minutes ago, then the next time counts as the first", () => {
    const later = next(back, flapWindowMs + 1, { writes: failing(1, silenceMs) });
    expect(modesOf(next(later, 10))[0]).toBe("Normal");
  });

  test("when the clock is set back by an hour, then no time is measured by it", () => {
    expect(modesOf(next(again, -3_600_000))[0]).toBe("Normal");
  });
});

/** One moment of a made-up history: what has changed by then, and what somebody has set by hand. */
const someEvidence = fc.oneof(
  fc.constant(unknown),
  fc.integer({ min: 0, max: 60_000 }).map((forMs): Evidence => ({ state: "ok", forMs })),
  fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 20_000 })).map(([n, ms]) => failing(n, ms)),
);
const someMoment = fc.record({
  afterMs: fc.integer({ min: 0, max: 40_000 }),
  evidence: fc.record(
    Object.fromEntries(questions.map((question) => [question, someEvidence])) as Record<Question, typeof someEvidence>,
  ),
  database: fc.record({
    started: fc.constant(true),
    changing: fc.boolean(),
    isolated: fc.boolean(),
    volumeFull: fc.option(fc.constant("full"), { nil: undefined, freq: 5 }),
    liftedForMs: fc.option(fc.integer({ min: 0, max: 10_000 }), { nil: undefined }),
  }),
  queue: fc.option(fc.record({ pending: fc.integer({ min: 0, max: 2 }) }), { nil: undefined }),
});
const someOverride = fc.record({
  mode: fc.constantFrom("Normal", "Degraded", "ReadOnly", "Unavailable"),
  endsMs: fc.integer({ min: -10_000, max: 400_000 }),
});
const someHistory = fc.array(someMoment, { minLength: 1, maxLength: 40 });
const someUses = fc.record({
  storage: fc.boolean(),
  collaboration: fc.boolean(),
  dawParsing: fc.boolean(),
  auth: fc.boolean(),
});

interface Step {
  readonly facts: ModeFacts;
  readonly decision: ModeDecision;
}

/** What is decided moment by moment, each upon the one before. */
function lived(
  history: readonly (typeof someMoment extends fc.Arbitrary<infer M> ? M : never)[],
  more: Partial<ModeFacts>,
) {
  const steps: Step[] = [];
  let now = began;
  for (const { afterMs, ...moment } of history) {
    now += afterMs;
    const last = steps.at(-1)?.decision;
    const facts = { ...calm, ...more, ...moment, former: last?.document, flips: last?.flips ?? [], now };
    steps.push({ facts, decision: decideModes(facts) });
  }
  return steps;
}

describe("given any history", () => {
  test("then the document is what the contract says, and the epoch rises by one for each flip and never falls", () => {
    fc.assert(
      fc.property(someHistory, someUses, fc.option(someOverride, { nil: undefined }), (history, uses, set) => {
        const steps = lived(history, { uses, settings: set ? override(set.mode, set.endsMs) : settings });
        for (const { facts, decision } of steps) {
          const document: ModeDocument = modeDocumentSchema.parse(decision.document);
          if (!facts.former) continue;
          const { former } = facts;
          const changed = capabilityNames.filter((c) => former.capabilities[c].mode !== document.capabilities[c].mode);
          expect(document.epoch - former.epoch).toBe(changed.length);
          const told = decision.flips.filter(({ epoch }) => epoch > former.epoch);
          expect(told.map(({ capability }) => capability)).toEqual(changed);
          expect(told.map(({ epoch }) => epoch)).toEqual(changed.map((_, i) => former.epoch + i + 1));
        }
      }),
    );
  });

  test("then no capability becomes better inside its dwell time after it has failed again", () => {
    fc.assert(
      fc.property(someHistory, (history) => {
        const steps = lived(history, {});
        const flips = steps.flatMap(({ facts, decision }) =>
          decision.flips.filter(({ epoch }) => facts.former && epoch > facts.former.epoch),
        );
        for (const capability of capabilityNames) {
          const own = flips.filter((flip) => flip.capability === capability && flip.from !== "Draining");
          own.forEach((flip, i) => {
            const worse = (f: typeof flip) => rank(f.to as "Normal") > rank(f.from as "Normal");
            const fell = own.slice(0, i).findLastIndex(worse);
            if (worse(flip) || fell < 0) return;
            const atMs = Date.parse(flip.at);
            const returned = own.slice(0, fell).some((f) => !worse(f) && atMs - Date.parse(f.at) <= flapWindowMs);
            const stoodMs = atMs - Date.parse(own[fell]?.at ?? "");
            if (returned) expect(stoodMs).toBeGreaterThanOrEqual(settings.dwellSeconds * 1_000);
          });
        }
      }),
    );
  });

  test("then an override that has not expired wins, and one that has makes no difference", () => {
    fc.assert(
      fc.property(someHistory, someOverride, (history, { mode, endsMs }) => {
        const withIt = override(mode, endsMs);
        for (const { facts, decision } of lived(history, { settings: withIt })) {
          const inForce = Date.parse(withIt.override?.expires ?? "") > facts.now;
          expect(decision.document.override !== undefined).toBe(inForce);
          if (inForce) {
            expect(decision.document.mode).toBe(mode);
            expect(decision.reviewInMs).toBeLessThanOrEqual(began + endsMs - facts.now);
          } else {
            expect(decision).toEqual(decideModes({ ...facts, settings }));
            const reasons = capabilityNames.map((c) => decision.document.capabilities[c].reason);
            if (!facts.former?.override) expect(reasons).not.toContain("Override");
          }
        }
      }),
    );
  });

  test("then without evidence what is published stands, whoever decides", () => {
    fc.assert(
      fc.property(someHistory, (history) => {
        const last = lived(history, {}).at(-1)?.decision;
        if (!last || last.document.capabilities.database.mode === "Draining") return;
        const now = Date.parse(last.document.since) + 3_600_000;
        const { document } = last;
        const volumeFull = document.capabilities.database.reason === "VolumeFull" ? "full" : undefined;
        const facts = { ...calm, former: document, evidence: all(unknown), now };
        const another = decideModes({ ...facts, database: { ...calm.database, volumeFull, liftedForMs: undefined } });
        const modes = (d: ModeDocument) => capabilityNames.map((c) => d.capabilities[c].mode);
        expect(modes(another.document)).toEqual(modes(document));
      }),
    );
  });

  test("then a mode is never better than what is so, whatever else has become well", () => {
    fc.assert(
      fc.property(someHistory, (history) => {
        for (const { facts, decision } of lived(history, {})) {
          const { evidence, database } = facts;
          const { capabilities } = decision.document;
          const fails = (q: Question, n: number, ms = 0) => {
            const one = evidence[q];
            return one.state === "failing" && one.failures >= n && one.forMs >= ms;
          };
          const atLeast = (c: Capability, mode: "Degraded" | "ReadOnly" | "Unavailable") =>
            expect(rank(capabilities[c].mode)).toBeGreaterThanOrEqual(rank(mode));
          if (fails("reads", 2, isolatedMs)) atLeast("database", "Unavailable");
          if (fails("writes", 1, isolatedMs) || fails("primary", 1, isolatedMs)) atLeast("database", "ReadOnly");
          if (database.volumeFull !== undefined) atLeast("database", "ReadOnly");
          if (fails("storageWrites", 3)) atLeast("storage", "Degraded");
          if (fails("storageReads", 3)) atLeast("storage", "Unavailable");
          for (const c of ["collaboration", "dawParsing", "auth"] as const) if (fails(c, 3)) atLeast(c, "Unavailable");
        }
      }),
    );
  });

  test("then nothing is decided twice: the same facts again flip nothing", () => {
    fc.assert(
      fc.property(someHistory, (history) => {
        for (const { facts, decision } of lived(history, {})) {
          const again = decideModes({ ...facts, former: decision.document, flips: decision.flips });
          if (again.document.capabilities.database.mode === "Draining") continue;
          expect(again.document.epoch).toBe(decision.document.epoch);
        }
      }),
    );
  });

  test("then the order in which the answers of a tick came makes no difference", () => {
    const someAnswers = fc.uniqueArray(
      fc.record({ question: fc.constantFrom(...questions), trouble: fc.constantFrom(undefined, "no answer") }),
      { selector: ({ question }) => question },
    );
    const ticks = fc.array(fc.tuple(someAnswers, fc.integer({ min: 1, max: 5_000 })), { maxLength: 30 });
    fc.assert(
      fc.property(ticks, fc.infiniteStream(fc.nat()), (history, random) => {
        const shuffled = (answers: readonly Answer[]) =>
          answers.map((answer) => [random.next().value, answer] as const).sort(([a], [b]) => a - b);
        const live = (order: (answers: readonly Answer[]) => readonly Answer[]) => {
          const records = new Map<Question, Kept>();
          let last: ModeDecision | undefined;
          let ms = 0;
          for (const [answers, afterMs] of history) {
            ms += afterMs;
            for (const answer of order(answers)) {
              records.set(answer.question, recorded(records.get(answer.question), answer, ms));
            }
            const evidence = Object.fromEntries(questions.map((q) => [q, evidenceOf(records.get(q), ms)])) as Evidences;
            const former = last?.document;
            last = decideModes({ ...calm, former, flips: last?.flips ?? [], evidence, now: began + ms });
          }
          return last;
        };
        expect(live((answers) => shuffled(answers).map(([, answer]) => answer))).toEqual(live((answers) => answers));
      }),
    );
  });
});
