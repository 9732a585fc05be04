import type { StemHub, SwitchoverStatus } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { patroniLabels } from "./patroni.ts";
import type { Member, Topology } from "./topology.ts";

/**
 * Asks for another primary. Its first word is the pod that is to become primary, or `any`; what follows it makes a
 * request a new one. A value is carried out once: status.database.switchover tells which it was.
 */
export const switchoverAnnotation = "stemhub.dev/switchover";

/** Patroni looks for requests every loop_wait (3 s), then waits for the standby to have everything, and promotes it. */
export const switchoverDeadlineMs = 30_000;

/** How long until the deadline is looked at again, where no event of the change itself comes first. */
const waitingPollMs = 5_000;

/** What is to be done about a switchover now. `report` is what the status says of it from now on. */
export type SwitchoverDecision =
  | { readonly step: "none" }
  /** A new request: told before anything is done about it, so that an operator that dies does not do it twice. */
  | { readonly step: "open"; readonly report: SwitchoverStatus }
  /** Patroni is to be asked; asking again is harmless, since the request names whom it takes the role from. */
  | { readonly step: "ask"; readonly from: string; readonly to: string; readonly requeueAfterMs: number }
  | { readonly step: "wait"; readonly requeueAfterMs: number }
  | { readonly step: "close"; readonly report: SwitchoverStatus }
  /** What Patroni was asked for must not come true later. */
  | { readonly step: "withdraw"; readonly report: SwitchoverStatus };

/** Why the operator itself wants another primary, and who may become it. */
export interface SwitchoverWish {
  readonly cause: "Restart" | "ScaleDown" | "Drain";
  readonly mayBecomePrimary: (member: Member) => boolean;
}

/** How long one that failed is let rest before the operator tries again of itself. */
export const switchoverRestMs = 60_000;

/** What a switchover is decided by: the annotation and the last report are read from `stemhub`. */
export interface SwitchoverFacts {
  readonly stemhub: StemHub;
  readonly topology: Topology;
  readonly wish?: SwitchoverWish | undefined;
  readonly now: number;
}

/** One at a time: what was begun is ended first, then comes what a person asks for, then what a change needs. */
export function decideSwitchover({ stemhub, topology, wish, now }: SwitchoverFacts): SwitchoverDecision {
  const request = stemhub.metadata.annotations?.[switchoverAnnotation]?.trim();
  const last = stemhub.status?.database?.switchover;
  if (last?.phase === "Requested") return pursue(last, topology, now);
  if (request && request !== last?.request) return decideRequest(request, topology, now);
  if (wish) return decideWish(wish, last, topology, now);
  return { step: "none" };
}

function decideRequest(request: string, topology: Topology, now: number): SwitchoverDecision {
  const { primary, members } = topology;
  const since = new Date(now).toISOString();
  const close = (phase: "Refused" | "Done", message: string): SwitchoverDecision => ({
    step: "close",
    report: { cause: "Annotation", request, phase, since, message },
  });
  const wanted = request.split(/\s+/)[0] ?? "";
  const remedy = "Annotate again with another text after the pod's name.";
  if (!primary) return close("Refused", `There is no primary now: a failover is under way. ${remedy}`);
  if (wanted === primary) return close("Done", `${primary} was primary already.`);
  const candidates = members.filter((member) => member.pod !== primary && (wanted === "any" || member.pod === wanted));
  if (candidates.length === 0) {
    const names = members.map((member) => member.pod).join(", ");
    return close("Refused", `${wanted} names no replica; the members are ${names}, the primary is ${primary}.`);
  }
  const to = candidates.find((member) => member.inSync)?.pod;
  if (!to) {
    const names = candidates.map((member) => member.pod).join(", ");
    return close("Refused", `Not in sync: ${names}. Writes could be lost. ${remedy}`);
  }
  return open({ cause: "Annotation", request, from: primary, to, since });
}

function decideWish(
  { cause, mayBecomePrimary }: SwitchoverWish,
  last: SwitchoverStatus | undefined,
  { primary, members }: Topology,
  now: number,
): SwitchoverDecision {
  const restMs = last?.phase === "Failed" ? Date.parse(last.since) + switchoverRestMs - now : 0;
  if (restMs > 0) return { step: "wait", requeueAfterMs: restMs };
  const to = members.find((member) => member.pod !== primary && member.inSync && mayBecomePrimary(member))?.pod;
  if (!primary || !to) return { step: "none" };
  const { request } = last ?? {};
  return open({ cause, ...(request ? { request } : {}), from: primary, to, since: new Date(now).toISOString() });
}

function open(wanted: Omit<SwitchoverStatus, "phase" | "message">): SwitchoverDecision {
  const message = `Patroni is asked to make ${wanted.to} primary in place of ${wanted.from}.`;
  return { step: "open", report: { ...wanted, phase: "Requested", message } };
}

function pursue(last: SwitchoverStatus, { primary }: Topology, now: number): SwitchoverDecision {
  const { from = "", to = "", since } = last;
  if (primary === to) {
    return { step: "close", report: { ...last, phase: "Done", message: `${to} is primary in place of ${from}.` } };
  }
  const remainingMs = Date.parse(since) + switchoverDeadlineMs - now;
  const requeueAfterMs = Math.min(remainingMs, waitingPollMs);
  if (remainingMs <= 0) {
    const message = `${to} was not primary after ${switchoverDeadlineMs / 1_000} s. See why: kubectl logs ${from}.`;
    return { step: "withdraw", report: { ...last, phase: "Failed", message } };
  }
  return primary === from ? { step: "ask", from, to, requeueAfterMs } : { step: "wait", requeueAfterMs };
}

/**
 * The request in Patroni's own store, as `patronictl switchover` leaves it there; without `wish`, no request. Patroni
 * checks it again, carries it out within loop_wait, and clears it.
 * Source: https://github.com/patroni/patroni/blob/v4.0.7/patroni/dcs/kubernetes.py (manual_failover)
 */
export function switchoverRequest(stemhub: StemHub, wish?: { readonly from: string; readonly to: string }): KubeObject {
  const { name, namespace } = stemhub.metadata;
  const { database } = childNames(name);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: `${database}-failover`,
      ...(namespace ? { namespace } : {}),
      // By these Patroni finds what is its own.
      labels: { ...childLabels(name, "database"), [patroniLabels.scope]: database },
      annotations: wish ? { leader: wish.from, member: wish.to } : {},
    },
  };
}
