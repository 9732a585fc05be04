import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Capability, capabilityNames, type ModeDocument, modeDocumentSchema } from "../../api/mode-document.ts";
import { all, began, calm, type Evidences, failing, override, settings, unknown } from "../../testing/modes.ts";
import { isolatedMs, rank } from "./causes.ts";
import { decideModes, type ModeDecision, type ModeFacts } from "./decide.ts";
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
  queue: fc.option(fc.record({ pending: fc.integer({ min: 0, max: 2 }), drainMs: fc.constantFrom(10_000, 300_000) }), {
    nil: undefined,
  }),
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
