import { modesSchema } from "../api/modes.ts";
import { decideModes, type ModeDecision, type ModeFacts } from "../stemhub/modes/decide.ts";
import { type Evidence, type Question, questions } from "../stemhub/modes/evidence.ts";

/** When a test's history begins. */
export const began = Date.UTC(2026, 10, 25);
/** spec.modes with all defaults. */
export const settings = modesSchema.parse({});
/** It has gone well for an hour. */
export const ok: Evidence = { state: "ok", forMs: 3_600_000 };
/** Nobody has asked. */
export const unknown: Evidence = { state: "unknown" };
/** It has failed so often, for so long. */
export const failing = (failures: number, forMs = failures * 1_000): Evidence => ({
  state: "failing",
  failures,
  forMs,
  detail: "as the test says",
});
/** The same of everything. */
export const all = (evidence: Evidence) =>
  Object.fromEntries(questions.map((question) => [question, evidence])) as Evidences;
/** What is known, question by question. */
export type Evidences = Record<Question, Evidence>;

/** A StemHub of which all is well. */
export const calm: ModeFacts = {
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
export function whenAfter(ms: number, evidence: Partial<Evidences>, more: Partial<ModeFacts> = {}): ModeDecision {
  return next(decideModes(calm), ms, evidence, more);
}

/** What is decided some ms after a decision. */
export function next(
  former: ModeDecision,
  ms: number,
  evidence: Partial<Evidences> = {},
  more: Partial<ModeFacts> = {},
) {
  const { document, flips } = former;
  const now = Date.parse(document.since) + ms;
  return decideModes({ ...calm, former: document, flips, evidence: { ...all(ok), ...evidence }, now, ...more });
}

/** What most tests look at: the whole, the database, and why. */
export const modesOf = ({ document }: ModeDecision) => [
  document.mode,
  document.capabilities.database.mode,
  document.capabilities.database.reason,
];

/** A mode set by hand, until so long after the beginning. */
export const override = (mode: string, endsMs: number) =>
  modesSchema.parse({ override: { mode, reason: "a move", expires: new Date(began + endsMs).toISOString() } });
