import type { StemHub, SwitchoverStatus } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { patroniLabels } from "./patroni.ts";
import type { Topology } from "./topology.ts";

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

/** Decides by the annotation, by what the status says of the last request, and by who is primary now. */
export function decideSwitchover(stemhub: StemHub, topology: Topology, now: number): SwitchoverDecision {
  const request = stemhub.metadata.annotations?.[switchoverAnnotation]?.trim();
  const last = stemhub.status?.database?.switchover;
  if (last?.phase === "Requested") return pursue(last, topology, now);
  if (!request || request === last?.request) return { step: "none" };

  const { primary, members } = topology;
  const since = new Date(now).toISOString();
  const close = (phase: "Refused" | "Done", message: string): SwitchoverDecision => ({
    step: "close",
    report: { request, phase, since, message },
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
  const message = `Patroni is asked to make ${to} primary in place of ${primary}.`;
  return { step: "open", report: { request, phase: "Requested", from: primary, to, since, message } };
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
