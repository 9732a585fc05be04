import {
  type Capability,
  type CapabilityMode,
  capabilityNames,
  type DatabaseMode,
  type ModeDocument,
  type PlatformMode,
} from "../../api/mode-document.ts";
import { type Flip, type Modes, mostFlips } from "../../api/modes.ts";
import { type AnyMode, type Cause, causesOf, type DatabaseCauseFacts, rank } from "./causes.ts";
import { dwellLeftMs } from "./dwell.ts";
import type { Evidence, Question } from "./evidence.ts";
import { forcedMode, type Override, overrideInForce } from "./override.ts";

/** What the mode is decided by. */
export interface ModeFacts {
  /** The StemHub's name. */
  readonly stemhub: string;
  /** What is published now; undefined where nothing ever was. */
  readonly former: ModeDocument | undefined;
  /** The last flips, the newest last. */
  readonly flips: readonly Flip[];
  readonly evidence: Readonly<Record<Question, Evidence>>;
  readonly database: DatabaseCauseFacts;
  /** Capabilities that the spec has. */
  readonly uses: Readonly<Record<Exclude<Capability, "database">, boolean>>;
  /**
   * Writes that wait to be applied, and how long new ones may have to wait for them; undefined where there is no queue, or
   * where it does not answer.
   */
  readonly queue: { readonly pending: number; readonly drainMs: number } | undefined;
  readonly settings: Modes;
  /** Wall time. Units: ms since 1970. */
  readonly now: number;
}

/** What was decided. */
export interface ModeDecision {
  readonly document: ModeDocument;
  /** The last flips with those of this decision, the newest last. */
  readonly flips: readonly Flip[];
  /** What was seen of each capability that is not Normal, for those who run it. */
  readonly details: Readonly<Partial<Record<Capability, string>>>;
  /** When time alone may change the decision. Units: ms from now. */
  readonly reviewInMs: number | undefined;
}

/** What users read while queued writes are applied. */
export const drainingMessage = "Changes that were saved for later are being applied";

/**
 * What works now. First what is set by hand, then what the probes say, the worst cause first; a better mode may have to
 * wait (dwell.ts), a worse one never does.
 *
 * Guarantees: the epoch rises by one for each flip and never falls; an override that has not expired wins, and has no
 * effect after; without evidence what is published stands; one cause that is clear hides no other; the order in which
 * answers came makes no difference.
 */
export function decideModes(facts: ModeFacts): ModeDecision {
  const { former, now, settings } = facts;
  const override = overrideInForce(settings, now);
  const at = new Date(now).toISOString();
  // Not 1: a StemHub that is made again under its name must not be behind what its clients have seen.
  let epoch = former?.epoch ?? Math.max(1, Math.floor(now / 1_000));
  const flips: Flip[] = [];
  const details: Partial<Record<Capability, string>> = {};
  const reviews: number[] = override ? [Date.parse(override.expires) - now] : [];

  const decideOne = <M extends AnyMode>(capability: Capability) => {
    const before = former?.capabilities[capability];
    const { mode, reason, detail, reviewInMs } = decideCapability(capability, facts, override);
    if (reviewInMs !== undefined) reviews.push(reviewInMs);
    if (detail !== undefined) details[capability] = detail;
    const message = messageFor(capability, mode, settings);
    if (before?.mode === mode) return { ...before, mode: mode as M, reason, message };
    if (before) {
      epoch += 1;
      flips.push({ capability, from: before.mode, to: mode, reason, at, epoch });
    }
    return { mode: mode as M, reason, message, since: at, epoch };
  };
  const capabilities = {
    database: decideOne<DatabaseMode>("database"),
    storage: decideOne<CapabilityMode>("storage"),
    collaboration: decideOne<CapabilityMode>("collaboration"),
    dawParsing: decideOne<CapabilityMode>("dawParsing"),
    auth: decideOne<CapabilityMode>("auth"),
  };
  const mode = platformMode(capabilities);
  const worst =
    capabilityNames.toSorted((a, b) => badness(capabilities, b) - badness(capabilities, a))[0] ?? "database";
  return {
    document: {
      stemhub: facts.stemhub,
      epoch,
      mode,
      since: former?.mode === mode ? former.since : at,
      message: capabilities[worst].message,
      capabilities,
      ...(override ? { override } : {}),
    },
    flips: [...facts.flips, ...flips].slice(-mostFlips),
    details,
    reviewInMs: reviews.length > 0 ? Math.max(0, Math.min(...reviews)) : undefined,
  };
}

interface CapabilityDecision {
  readonly mode: AnyMode;
  readonly reason: string;
  readonly detail?: string | undefined;
  readonly reviewInMs?: number | undefined;
}

/** Why what has never worked yet is Unavailable. */
export const startingReason = "Starting";

/** Its parts come up one after the other, and none of them has failed: so it goes from here to Normal in one step. */
const starting: CapabilityDecision = { mode: "Unavailable", reason: startingReason };

function decideCapability(
  capability: Capability,
  facts: ModeFacts,
  override: Override | undefined,
): CapabilityDecision {
  const forced = forcedMode(capability, override);
  if (forced) return { mode: forced, reason: "Override", detail: override?.reason };
  if (capability !== "database" && !facts.uses[capability]) return { mode: "Normal", reason: "NotUsed" };
  const before = facts.former?.capabilities[capability];
  if (!before && !facts.database.started) return starting;
  const causes = causesOf(capability, facts);
  const wanted = worstOf(causes, before);
  if (before?.reason === startingReason && wanted.mode !== "Normal") return { ...starting, detail: wanted.detail };
  const reviewInMs = least(causes.map((cause) => cause.reviewInMs));
  if (!before || rank(wanted.mode) >= rank(before.mode)) return { reviewInMs, ...drained(capability, wanted, facts) };
  // What must have done well: whatever could have been the reason for the mode that is to end.
  const ended = causes.filter((cause) => rank(cause.mode) > rank(wanted.mode));
  const wellForMs = least(ended.map(({ clearForMs }) => clearForMs));
  const { flips, settings, now } = facts;
  const dwellMs = settings.dwellSeconds * 1_000;
  const leftMs = dwellLeftMs({ capability, flips, dwellMs, wellForMs, now });
  // Whether it was the override's is known, and over: it always ends.
  if (leftMs > 0 && before.reason !== "Override" && before.mode !== "Draining") {
    return { mode: before.mode, reason: before.reason, reviewInMs: least([reviewInMs, leftMs]) };
  }
  return { reviewInMs, ...drained(capability, wanted, facts) };
}

/** The worst that is so, or that was published and cannot be told to be over. */
function worstOf(causes: readonly Cause[], before: { mode: AnyMode; reason: string } | undefined): CapabilityDecision {
  // What was set by hand says nothing of what is so: with its end it is gone.
  const held = before !== undefined && before.reason !== "Override" && rank(before.mode) > rank("Draining");
  let worst: CapabilityDecision = { mode: "Normal", reason: "Healthy" };
  for (const { judgement, mode, reason, detail } of causes) {
    if (judgement === "clear" || rank(mode) <= rank(worst.mode)) continue;
    if (judgement === "active") worst = { mode, reason, detail };
    else if (held && rank(before.mode) >= rank(mode)) {
      worst = { mode, reason: before.mode === mode ? before.reason : reason, detail };
    }
  }
  return worst;
}

/**
 * A database that takes writes again after it did not lets the queued ones go first, for a while: a poison write, or a queue
 * that stands still, keeps nobody from Normal for longer than drainMs.
 */
function drained(
  capability: Capability,
  wanted: CapabilityDecision,
  { former, queue, now }: ModeFacts,
): CapabilityDecision {
  const before = former?.capabilities.database;
  if (capability !== "database" || wanted.mode !== "Normal" || !before || before.mode === "Normal") return wanted;
  if (!queue || queue.pending === 0) return wanted;
  const drainingMs = before.mode === "Draining" ? now - Date.parse(before.since) : 0;
  // Negative when the clock was set back: then nobody knows for how long, and Normal it is.
  if (drainingMs < 0 || drainingMs >= queue.drainMs) return wanted;
  return { mode: "Draining", reason: "QueuedWrites", reviewInMs: queue.drainMs - drainingMs };
}

/** The whole, by its parts. */
export function platformMode(capabilities: ModeDocument["capabilities"]): PlatformMode {
  const { database, ...others } = capabilities;
  if (database.mode === "Unavailable" || database.mode === "ReadOnly") return database.mode;
  const normal = database.mode === "Normal" && Object.values(others).every(({ mode }) => mode === "Normal");
  return normal ? "Normal" : "Degraded";
}

/** Whose sentence users read first: the database's, then the worst. */
function badness(capabilities: ModeDocument["capabilities"], capability: Capability): number {
  const { mode } = capabilities[capability];
  const first = capability === "database" && rank(mode) > rank("Draining");
  return rank(mode) + (first ? rank("Unavailable") : 0);
}

function messageFor(capability: Capability, mode: AnyMode, { messages }: Modes): string {
  if (mode === "Normal") return "";
  return mode === "Draining" ? drainingMessage : messages[capability];
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
