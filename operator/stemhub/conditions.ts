import type { Condition } from "../api/stemhub.ts";

/** What a phase or a slice says of itself. `type` is the condition's name. */
export interface Verdict {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** One CamelCase word that machines compare. */
  readonly reason: string;
  /** A sentence that names the object and the next step. */
  readonly message: string;
}

/**
 * The conditions after this pass. The law of lastTransitionTime is kept here, once: it changes when, and only when, a
 * condition's status does. A condition that is in `previous` and not in `verdicts` is gone, which is how Reconciling
 * and Stalled disappear.
 */
export function nextConditions(
  previous: readonly Condition[],
  verdicts: readonly Verdict[],
  generation: number,
  now: number,
): Condition[] {
  return verdicts.map((verdict) => {
    const before = previous.find((condition) => condition.type === verdict.type);
    const changed = before?.status !== verdict.status;
    return {
      type: verdict.type,
      status: verdict.status,
      reason: verdict.reason,
      message: verdict.message,
      observedGeneration: generation,
      lastTransitionTime: changed || !before ? rfc3339(now) : before.lastTransitionTime,
    };
  });
}

/** Kubernetes' time format has whole seconds. */
export function rfc3339(now: number): string {
  return new Date(now).toISOString().replace(/\.\d{3}Z$/, "Z");
}
