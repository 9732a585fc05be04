import type { Capability, ModeDocument } from "../../../operator/api/mode-document.ts";

/** What a route's marks say of it: gateway.routes in the spec. */
export interface Marks {
  /** What becomes of its writes while the database takes none. Queue: they are kept and applied later. */
  readonly writes: "Refuse" | "Queue" | "Critical" | "Pass";
  /** What it cannot do without, beside the database. */
  readonly capability?: Exclude<Capability, "database">;
  /** There is something simpler to ask while the capability is not Normal. */
  readonly hasFallback: boolean;
  /** The queue takes no body of more bytes; absent without Queue. */
  readonly queueBytes?: number;
}

/** What is known of a request before its body is read. */
export interface Asked {
  readonly method: string;
  /** As announced; undefined for a body that comes in chunks. */
  readonly bodyBytes?: number;
}

/** What becomes of a request. */
export type Verdict =
  | { readonly outcome: "pass" }
  /** It is answered with the notice of this capability. */
  | { readonly outcome: "refuse"; readonly capability: Capability }
  /** It is given to the write queue. */
  | { readonly outcome: "queue" }
  /** The route's fallback answers. */
  | { readonly outcome: "fallback" };

/** Whether a method changes something. What is unknown does. */
export function isWrite(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
}

type Rule = (mode: ModeDocument, marks: Marks, asked: Asked) => Verdict | undefined;

/**
 * The first that speaks wins. The database comes first: what it does not take is not to be had by a fallback. Auth comes
 * before the route's own capability: a critical request is refused while nobody can be asked who sends it. Draining comes
 * last, since a write may be sent to the component by it.
 */
const rules: readonly Rule[] = [
  queuedMeanwhile,
  databaseUnavailable,
  databaseReadOnly,
  criticalWithoutAuth,
  capabilityNotNormal,
  queuedInTurn,
];

/** What becomes of a request, by the mode and its route's marks. With no mode known it passes: no news is not bad news. */
export function decide(mode: ModeDocument | undefined, marks: Marks, asked: Asked): Verdict {
  if (mode === undefined) return { outcome: "pass" };
  for (let i = 0; i < rules.length; i++) {
    const verdict = rules[i]?.(mode, marks, asked);
    if (verdict) return verdict;
  }
  return { outcome: "pass" };
}

/** The database will take the write another time. */
function queuedMeanwhile(mode: ModeDocument, marks: Marks, asked: Asked): Verdict | undefined {
  const state = mode.capabilities.database.mode;
  return state === "ReadOnly" || state === "Unavailable" ? toQueue(marks, asked) : undefined;
}

/** The database takes writes, those that wait first: the queue knows whether any does that this one may not overtake. */
function queuedInTurn(mode: ModeDocument, marks: Marks, asked: Asked): Verdict | undefined {
  return mode.capabilities.database.mode === "Draining" ? toQueue(marks, asked) : undefined;
}

/** What cannot be queued is refused, even in turn: it may not overtake. */
function toQueue(marks: Marks, asked: Asked): Verdict | undefined {
  const method = asked.method;
  if (marks.writes !== "Queue" || !isWrite(method)) return undefined;
  const fits = (asked.bodyBytes ?? 0) <= (marks.queueBytes ?? 0);
  const isKept = method === "POST" || method === "PUT" || method === "PATCH" || method === "DELETE";
  return fits && isKept ? { outcome: "queue" } : { outcome: "refuse", capability: "database" };
}

/** Not even reads are answered. A route that is marked Pass does not ask the database. */
function databaseUnavailable(mode: ModeDocument, marks: Marks): Verdict | undefined {
  const unavailable = mode.capabilities.database.mode === "Unavailable";
  return unavailable && marks.writes !== "Pass" ? { outcome: "refuse", capability: "database" } : undefined;
}

function databaseReadOnly(mode: ModeDocument, marks: Marks, asked: Asked): Verdict | undefined {
  if (mode.capabilities.database.mode !== "ReadOnly" || !isWrite(asked.method)) return undefined;
  switch (marks.writes) {
    case "Pass":
      return undefined;
    case "Queue":
    case "Refuse":
    case "Critical":
      return { outcome: "refuse", capability: "database" };
  }
}

function criticalWithoutAuth(mode: ModeDocument, marks: Marks): Verdict | undefined {
  const down = mode.capabilities.auth.mode === "Unavailable";
  return down && marks.writes === "Critical" ? { outcome: "refuse", capability: "auth" } : undefined;
}

/** Storage that is Degraded still gives what it has. */
function capabilityNotNormal(mode: ModeDocument, marks: Marks, asked: Asked): Verdict | undefined {
  if (marks.capability === undefined) return undefined;
  const state = mode.capabilities[marks.capability].mode;
  if (state === "Normal") return undefined;
  if (marks.capability === "storage" && state === "Degraded" && !isWrite(asked.method)) return undefined;
  return marks.hasFallback ? { outcome: "fallback" } : { outcome: "refuse", capability: marks.capability };
}
