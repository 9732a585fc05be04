import type { RotationStatus, StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { credentialsAnnotation } from "../credentials.ts";

/**
 * Asks for another password of the app. Any text; a value is carried out once: status.database.rotation tells which it was.
 */
export const rotationAnnotation = "stemhub.dev/rotate-password";

/** The two logins of the app: one is in use, the other is made ready to take over. */
export const appLogins = ["stemhub_app_1", "stemhub_app_2"] as const;

/** How long until a rotation that waits is looked at again, where no event comes first. */
const waitingPollMs = 10_000;

/** What is to be done about a rotation now. */
export type RotationDecision =
  | { readonly step: "none" }
  /** A new request: told before anything is done about it. */
  | { readonly step: "open"; readonly report: RotationStatus }
  /** The login that takes over gets a new password, and then the Secret is made to name it. Safe to repeat. */
  | { readonly step: "prepare"; readonly login: string; readonly report: RotationStatus }
  | { readonly step: "wait"; readonly requeueAfterMs: number; readonly report: RotationStatus }
  /** Nobody signs in with the former login any more: it is closed. */
  | { readonly step: "retire"; readonly login: string; readonly report: RotationStatus };

/** What a rotation is decided by. The annotation and the last report are read from `stemhub`. */
export interface RotationFacts {
  readonly stemhub: StemHub;
  /** There is a primary that takes writes. */
  readonly databaseAvailable: boolean;
  /** The login that the app's Secret names, and its hash as pods carry it. */
  readonly login: string;
  readonly loginHash: string;
  /** Those of components that have the login. */
  readonly deployments: readonly KubeObject[];
  /** Of the same components, those that end among them: they still use what they began with. */
  readonly pods: readonly KubeObject[];
  readonly now: number;
}

/**
 * Rotates the app's password: the other login gets a new one and goes into the Secret, the app rolls, and the former login
 * is closed when no pod has it any more. At every moment each pod's login works.
 *
 * Guarantees: repeated after a stop at any point, it goes on; what is in use is never changed.
 */
export function decideRotation(facts: RotationFacts): RotationDecision {
  const { stemhub, login, now } = facts;
  const request = stemhub.metadata.annotations?.[rotationAnnotation]?.trim();
  const last = stemhub.status?.database?.rotation;
  switch (last?.phase) {
    case "Preparing":
      return prepare(last, facts);
    case "RollingOut":
      return rollOut(last, facts);
    case "Done":
    case undefined:
      break;
  }
  if (!request || request === last?.request) return { step: "none" };
  const to = login === appLogins[0] ? appLogins[1] : appLogins[0];
  const since = new Date(now).toISOString();
  const message = `${to} is to take over from ${login}.`;
  return { step: "open", report: { request, phase: "Preparing", from: login, to, since, message } };
}

function prepare(last: RotationStatus, { databaseAvailable, login }: RotationFacts): RotationDecision {
  const report: RotationStatus = {
    ...last,
    phase: "RollingOut",
    message: `The Secret names ${last.to}; the app's pods take it up one after the other.`,
  };
  // The Secret was written, and the report was not.
  if (login === last.to) return { step: "wait", requeueAfterMs: 0, report };
  if (databaseAvailable) return { step: "prepare", login: last.to, report };
  const message = `${last.to} is to take over from ${last.from} when the database takes writes.`;
  return { step: "wait", requeueAfterMs: waitingPollMs, report: { ...last, message } };
}

function rollOut(last: RotationStatus, facts: RotationFacts): RotationDecision {
  const { deployments, pods, loginHash, databaseAvailable } = facts;
  const carries = (annotations: Record<string, string> | undefined) =>
    annotations?.[credentialsAnnotation] === loginHash;
  const behind = [
    ...deployments.filter((deployment) => !carries(templateOf(deployment))).map(({ metadata }) => metadata.name),
    ...pods.filter(({ metadata }) => !carries(metadata.annotations)).map(({ metadata }) => metadata.name),
  ];
  if (behind.length === 0 && databaseAvailable) {
    const message = `The app signs in as ${last.to}; ${last.from} is closed.`;
    return { step: "retire", login: last.from, report: { ...last, phase: "Done", message } };
  }
  const message =
    behind.length === 0
      ? `${last.from} is closed when the database takes writes.`
      : `Still with ${last.from}: ${behind.slice(0, 5).join(", ")}.`;
  return { step: "wait", requeueAfterMs: waitingPollMs, report: { ...last, message } };
}

function templateOf({ spec }: KubeObject): Record<string, string> | undefined {
  const { template } = (spec ?? {}) as { template?: { metadata?: { annotations?: Record<string, string> } } };
  return template?.metadata?.annotations;
}
