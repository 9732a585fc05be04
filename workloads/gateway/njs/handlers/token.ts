import { problemOf } from "../problem.ts";
import { answerRefusal } from "../token/answer.ts";
import { decideUser, type TokenPolicy } from "../token/decide.ts";
import type { Refusal } from "../token/refusal.ts";
import { currentMode, recall } from "./shared.ts";
import { currentTrust, revoked, verdicts } from "./trust.ts";

/** spec.auth, by js_preload_object. */
declare const stemhub_auth: TokenPolicy & { readonly bySecret: boolean; readonly notice: string };

/**
 * $stemhub_token: `user` where the request has a good token, whose subject is then in $stemhub_user and whose claims are, as
 * base64url of JSON, in $stemhub_claims; `preflight` for CORS' question, which has no token by its nature and reaches nothing;
 * else empty, with the reason in $stemhub_refusal. So whatever goes wrong in here makes nobody a user.
 */
export async function token(r: NginxHTTPRequest): Promise<void> {
  if (r.method === "OPTIONS" && r.headersIn["Access-Control-Request-Method"] !== undefined) {
    r.setReturnValue("preflight");
    return;
  }
  const carriers = { authorization: r.headersIn.Authorization, cookies: r.headersIn.Cookie };
  const decision = await decideUser(carriers, isRead(r.method), {
    policy: stemhub_auth,
    trust: currentTrust(stemhub_auth.bySecret),
    revoked,
    authDown: authDown(),
    cache: verdicts,
    now: Date.now() / 1000,
  });
  const claims = decision.claims;
  if (claims === undefined) {
    r.variables.stemhub_refusal = String(decision.refusal);
    r.setReturnValue("");
    return;
  }
  r.variables.stemhub_user = claims.sub;
  r.variables.stemhub_claims = Buffer.from(JSON.stringify(claims)).toString("base64url");
  r.setReturnValue("user");
}

/** Answers a request for which $stemhub_token is empty. */
export function refuseToken(r: NginxHTTPRequest): void {
  const answer = answerRefusal((r.variables.stemhub_refusal ?? "") as Refusal, authDown());
  r.headersOut["Content-Type"] = "application/problem+json";
  r.headersOut["Cache-Control"] = "no-store";
  if (answer.wwwAuthenticate !== undefined) r.headersOut["WWW-Authenticate"] = answer.wwwAuthenticate;
  if (answer.status === 401) {
    const problem = { type: "about:blank", title: answer.title, status: 401, detail: answer.detail };
    r.return(401, JSON.stringify(problem));
    return;
  }
  const problem = problemOf(currentMode(), "auth");
  r.headersOut["Retry-After"] = String(problem.retryAfterSeconds);
  const detail = authDown() ? problem.detail : stemhub_auth.notice;
  r.return(503, JSON.stringify(Object.assign(problem, { detail, title: answer.title })));
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** By the mode's line, so that no request reads JSON: `Degraded 7 auth=Unavailable`. */
function authDown(): boolean {
  return /\bauth=/.test(recall("state") ?? "");
}
