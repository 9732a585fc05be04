import { isWrite } from "../decide.ts";
import { problemOf } from "../problem.ts";
import { answerRefusal } from "../token/answer.ts";
import { type Decision, decideAtOnce, decideUser, type Known, type TokenPolicy } from "../token/decide.ts";
import type { Carriers } from "../token/find.ts";
import type { Refusal } from "../token/refusal.ts";
import { currentMode, recall } from "./shared.ts";
import { currentTrust, hash, revoked, verdicts } from "./trust.ts";

/** spec.auth, by js_preload_object. */
declare const stemhub_auth: TokenPolicy & { readonly bySecret: boolean; readonly notice: string };

/**
 * $stemhub_token: `user` where the request has a good token, whose subject is then in $stemhub_user and whose claims are, as
 * base64url of JSON, in $stemhub_claims; `preflight` for CORS' question, which has no token by its nature and reaches nothing;
 * `unknown` where nobody can say whose it is; else empty. So whatever goes wrong in here makes nobody a user.
 *
 * The reason is then in $stemhub_refusal, and what to answer in $stemhub_refusal_problem, $stemhub_authenticate and
 * $stemhub_refusal_retry: variables and not js_content, which would read a whole upload before it refuses it.
 */
export function token(r: NginxHTTPRequest): string | Promise<void> {
  const method = r.method;
  if (method === "OPTIONS" && r.headersIn["Access-Control-Request-Method"] !== undefined) return "preflight";
  const carriers = { authorization: r.headersIn.Authorization, cookies: r.headersIn.Cookie };
  const known = {
    policy: stemhub_auth,
    trust: currentTrust(stemhub_auth.bySecret),
    revoked,
    authDown,
    cache: verdicts,
    hash,
    now: Date.now() / 1000,
  };
  const decision = decideAtOnce(carriers, !isWrite(method), known).decision;
  return decision === undefined ? verified(r, carriers, known) : tell(r, decision);
}

async function verified(r: NginxHTTPRequest, carriers: Carriers, known: Known): Promise<void> {
  const decision = await decideUser(carriers, !isWrite(r.method), known);
  r.setReturnValue(tell(r, decision));
}

/** Leaves in variables what others need to know of it; returns $stemhub_token. */
function tell(r: NginxHTTPRequest, decision: Decision): "user" | "unknown" | "" {
  const claims = decision.claims;
  if (claims === undefined) return refuse(r, decision.refusal ?? "NoToken");
  r.variables.stemhub_user = claims.sub;
  r.variables.stemhub_claims_text = decision.text ?? "";
  return "user";
}

/** $stemhub_claims, made only where somebody asks for it: the write queue. */
export function encodedClaims(r: NginxHTTPRequest): string {
  return Buffer.from(r.variables.stemhub_claims_text ?? "").toString("base64url");
}

/** Leaves what to answer. */
function refuse(r: NginxHTTPRequest, refusal: Refusal): "" | "unknown" {
  r.variables.stemhub_refusal = refusal;
  const answer = answerRefusal(refusal, authDown());
  const title = answer.title;
  if (answer.status === 401) {
    r.variables.stemhub_authenticate = answer.wwwAuthenticate ?? "";
    const problem = { type: "about:blank", title, status: 401, detail: answer.detail };
    r.variables.stemhub_refusal_problem = JSON.stringify(problem);
    return "";
  }
  const problem = problemOf(currentMode(), "auth", stemhub_auth.notice);
  const state = authDown() ? {} : { mode: "Degraded" };
  r.variables.stemhub_refusal_retry = String(problem.retryAfterSeconds);
  r.variables.stemhub_refusal_problem = JSON.stringify(Object.assign(problem, { title }, state));
  return "unknown";
}

/** By the mode's line, so that no request reads JSON: `Degraded 7 auth=Unavailable`. */
function authDown(): boolean {
  return /\bauth=/.test(recall("state") ?? "");
}
