import { type Asked, decide, type Marks } from "../decide.ts";
import { currentMode, recall } from "./shared.ts";

/** $stemhub_state: the mode in one line (state.ts); empty until one is known. */
export function state(): string {
  return recall("state") ?? "";
}

/**
 * $stemhub_verdict: `pass`, `refuse CAPABILITY`, `queue` or `fallback`. nginx.conf asks for it only where not all is Normal,
 * in a location that has set $stemhub_writes, $stemhub_capability and $stemhub_fallback_path, and $stemhub_queue_bytes where
 * writes are queued.
 */
export function verdict(r: NginxHTTPRequest): string {
  const decided = decide(currentMode(), marksOf(r), askedOf(r));
  return decided.outcome === "refuse" ? `refuse ${decided.capability}` : decided.outcome;
}

function marksOf(r: NginxHTTPRequest): Marks {
  const writes = r.variables.stemhub_writes as Marks["writes"];
  const hasFallback = (r.variables.stemhub_fallback_path ?? "") !== "";
  const capability = r.variables.stemhub_capability ?? "";
  return Object.assign(
    { writes, hasFallback },
    capability === "" ? {} : { capability: capability as NonNullable<Marks["capability"]> },
    writes === "Queue" ? { queueBytes: Number(r.variables.stemhub_queue_bytes) } : {},
  );
}

function askedOf(r: NginxHTTPRequest): Asked {
  const length = r.headersIn["Content-Length"];
  return length === undefined ? { method: r.method } : { method: r.method, bodyBytes: Number(length) };
}
