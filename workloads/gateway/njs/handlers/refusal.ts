import type { Capability } from "../../../../operator/api/mode-document.ts";
import { type Problem, problemOf } from "../problem.ts";
import { currentMode } from "./shared.ts";

/**
 * $stemhub_problem: what a request is answered with whose verdict is `refuse CAPABILITY`, or that the queue did not take. A variable and not js_content, which
 * would read a whole upload before it refuses it.
 */
export function problem(r: NginxHTTPRequest): string {
  return JSON.stringify(problemOf(currentMode(), refusedCapability(r), pausedNotice(r)));
}

/** $stemhub_retry_after: the seconds for its Retry-After. */
export function retryAfter(r: NginxHTTPRequest): string {
  return String(problemOf(currentMode(), refusedCapability(r)).retryAfterSeconds);
}

function refusedCapability(r: NginxHTTPRequest): Capability {
  const verdict = r.variables.stemhub_verdict ?? "";
  return verdict.startsWith("refuse ") ? (verdict.slice("refuse ".length) as Capability) : "database";
}

/**
 * A component that could not write says so by 503 and X-StemHub-Error: read-only, and may be the first to know. The client
 * gets what it would have got had the mode been there: these two filters, for writes alone, take the place of the answer.
 */
export function replaceHeaders(r: NginxHTTPRequest): void {
  if (!saysReadOnly(r)) return;
  r.headersOut["Content-Type"] = "application/problem+json";
  r.headersOut["Cache-Control"] = "no-store";
  r.headersOut["Retry-After"] = String(writesPaused(r).retryAfterSeconds);
  // Of the component's own answer, which nobody gets.
  const about = ["Content-Length", "Content-Encoding", "Content-Language", "Content-Range", "ETag", "Last-Modified"];
  about.forEach((name) => {
    delete r.headersOut[name];
  });
}

/** The other half of replaceHeaders: all of the component's words go, ours come with its last. */
export function replaceBody(r: NginxHTTPRequest, data: NjsStringOrBuffer, flags: NginxHTTPSendBufferOptions): void {
  if (!saysReadOnly(r)) r.sendBuffer(data, flags);
  else if (flags.last) r.sendBuffer(JSON.stringify(writesPaused(r)), flags);
}

function writesPaused(r: NginxHTTPRequest): Problem {
  return problemOf(currentMode(), "database", pausedNotice(r));
}

/** The sentence of spec.modes.messages.database: it is in nginx.conf, in a form that needs no quoting there. */
export function pausedNotice(r: NginxHTTPRequest): string {
  return Buffer.from(r.variables.stemhub_writes_paused ?? "", "base64url").toString();
}

function saysReadOnly(r: NginxHTTPRequest): boolean {
  return r.status === 503 && r.variables.upstream_http_x_stemhub_error === "read-only";
}
