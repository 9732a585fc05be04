import type { DatabaseMode } from "../../operator/api/mode-document.ts";
import { backoffMs } from "../../operator/runtime/backoff.ts";
import { assertNever } from "../../operator/runtime/errors.ts";
import { isRevoked, type Revocations } from "./revocations.ts";
import type { DeadReason, Write, WriteState } from "./write.ts";

/** After a failure: soon, since outages are short; at most a minute, since what heals must be seen to heal. */
export const retryLimits = { minMs: 500, maxMs: 60_000 };

/**
 * How often the app may fail to answer one write (5xx, 429, a lost answer) before it is a dead letter: some seven minutes
 * with the delays above. A component that takes no connection, or says that it is read-only, is not counted.
 */
export const maxFailures = 14;

/** What a decision reads beside the write. */
export interface Circumstances {
  /** ms since 1970. */
  readonly now: number;
  /** Undefined while it was never read. */
  readonly mode: DatabaseMode | undefined;
  readonly revocations: Revocations;
  /** The one worker that there is. */
  readonly worker: string;
  /** How old a write may become. */
  readonly ageMs: number;
}

/** What to do with a write now. */
export type Step =
  /** Mark it as being sent, then send it. */
  | { readonly step: "send"; readonly mark: WriteState }
  /** Not before the mode says so, or not before so much time has passed. */
  | { readonly step: "wait"; readonly reason: "Mode" }
  | { readonly step: "wait"; readonly reason: "Backoff"; readonly dueInMs: number }
  /** It has another state than was thought, and is looked at again. */
  | { readonly step: "become"; readonly state: WriteState }
  /** It is finished, a dead letter, or being sent by this worker. */
  | { readonly step: "none" };

/** What came of sending a write. */
export type Answer =
  /** The app has answered. `readOnly`: with 503 and X-StemHub-Error: read-only. */
  | { readonly kind: "answered"; readonly status: number; readonly readOnly: boolean }
  /** No connection was made, so the app has seen nothing of it. */
  | { readonly kind: "notSent" }
  /** It was sent, in part at least, and no answer came. */
  | { readonly kind: "lost" };

/**
 * What to do with the write at the head of its aggregate.
 *
 * Guarantees: a write of a route without `idempotency: key` is never sent again once it may have been applied; whatever is
 * neither sent nor waiting becomes a dead letter with a reason. The order is the safety argument: first what has already
 * happened, then what forbids to send, then when.
 */
export function nextStep(write: Write, state: WriteState, at: Circumstances): Step {
  switch (state.name) {
    case "Applied":
    case "Dropped":
    case "DeadLetter":
      return { step: "none" };
    case "Sending":
      return state.worker === at.worker
        ? { step: "none" }
        : { step: "become", state: settle(write, state, { kind: "lost" }, at) };
    case "Queued":
      return mayBeSent(write, state, at);
    default:
      return assertNever(state);
  }
}

function mayBeSent(write: Write, state: Extract<WriteState, { name: "Queued" }>, at: Circumstances): Step {
  if (at.now - write.acceptedAt > at.ageMs)
    return { step: "become", state: dead(state, "Expired", at.now, state.status) };
  if (at.mode !== "Normal" && at.mode !== "Draining") return { step: "wait", reason: "Mode" };
  if (isRevoked(at.revocations, write.claims)) return { step: "become", state: dead(state, "Revoked", at.now) };
  // A wall clock that was set back may not hold a write for longer than any backoff.
  const dueInMs = Math.min(state.notBefore - at.now, retryLimits.maxMs);
  if (dueInMs > 0) return { step: "wait", reason: "Backoff", dueInMs };
  const { attempts, failures, uncertain } = state;
  return {
    step: "send",
    mark: { name: "Sending", attempts: attempts + 1, failures, uncertain, worker: at.worker },
  };
}

/** What becomes of a write that was being sent. `random` is for the jitter alone. */
export function settle(
  write: Write,
  state: Extract<WriteState, { name: "Sending" }>,
  answer: Answer,
  { now }: Pick<Circumstances, "now">,
  random: () => number = Math.random,
): WriteState {
  const { attempts, failures, uncertain } = state;
  const again = (counted: boolean, unsure: boolean, status?: number): WriteState => {
    const total = failures + (counted ? 1 : 0);
    if (total >= maxFailures)
      return dead(state, unsure && write.idempotency === "none" ? "OutcomeUnknown" : "GaveUp", now, status);
    // What is not counted waits its time too, and longer each time, by how often it was tried.
    const notBefore = now + backoffMs(Math.max(1, attempts), retryLimits, random);
    return {
      name: "Queued",
      attempts,
      failures: total,
      notBefore,
      uncertain: unsure,
      ...(status === undefined ? {} : { status }),
    };
  };
  switch (answer.kind) {
    case "notSent":
      return again(false, uncertain);
    case "lost":
      return write.idempotency === "key" ? again(true, true) : dead(state, "OutcomeUnknown", now);
    case "answered": {
      const { status, readOnly } = answer;
      if (isDone(status)) return { name: "Applied", attempts, status, at: now };
      if (readOnly) return again(false, uncertain, status);
      if (status >= 500 || status === 429) return again(true, uncertain, status);
      // The attempt before, whose answer was lost, is still under way in the app.
      if (status === 409 && uncertain) return again(true, true, status);
      return dead(state, "Refused", now, status);
    }
    default:
      return assertNever(answer);
  }
}

/** 303 is how a write says where its result is. Any other redirect asks to send it elsewhere, and nobody does. */
function isDone(status: number): boolean {
  return (status >= 200 && status < 300) || status === 303;
}

function dead({ attempts }: { attempts: number }, reason: DeadReason, at: number, status?: number): WriteState {
  return { name: "DeadLetter", attempts, reason, at, ...(status === undefined ? {} : { status }) };
}

/** What a person asks for a dead letter. */
export type Verdict = "retry" | "drop";

/** The state of a dead letter after a person's verdict; undefined for a write that is none. */
export function afterVerdict(state: WriteState, verdict: Verdict, now: number): WriteState | undefined {
  if (state.name !== "DeadLetter") return undefined;
  const { attempts, reason } = state;
  switch (verdict) {
    case "retry":
      return { name: "Queued", attempts, failures: 0, notBefore: 0, uncertain: reason === "OutcomeUnknown" };
    case "drop":
      return { name: "Dropped", attempts, at: now };
    default:
      return assertNever(verdict);
  }
}
