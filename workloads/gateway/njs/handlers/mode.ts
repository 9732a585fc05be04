import { recall } from "./shared.ts";

/**
 * Answers /.well-known/stemhub/mode with the mode document, from memory: also with the mode-agent gone. Its ETag is of the
 * document's text, which can change within an epoch. 503 until a mode is known.
 */
export function mode(r: NginxHTTPRequest): void {
  const text = recall("mode");
  if (text === undefined) {
    r.headersOut["Content-Type"] = "application/problem+json";
    r.headersOut["Retry-After"] = "1";
    r.headersOut["Cache-Control"] = "no-store";
    r.return(503, '{"type":"about:blank","title":"Not known yet","status":503,"detail":"Try again in a moment."}');
    return;
  }
  const tag = recall("tag") ?? "";
  r.headersOut.ETag = tag;
  r.headersOut["Cache-Control"] = "no-cache";
  if (sameTag(r.headersIn["If-None-Match"], tag)) {
    r.return(304);
    return;
  }
  r.headersOut["Content-Type"] = "application/json";
  r.return(200, text);
}

/** RFC 9110: a list of tags, weak or not, or `*`. */
function sameTag(given: string | undefined, tag: string): boolean {
  if (given === undefined) return false;
  return given.split(",").some((each) => {
    const one = each.trim();
    return one === "*" || one === tag || one === `W/${tag}`;
  });
}
