import { aggregateOf } from "../../../../operator/api/aggregate.ts";

/** Where a request is answered with the notice of the database: operator/stemhub/gateway/mode.ts. */
const refused = "@refused";

/** What of the queue's answer is for the client. */
const forClients = ["Content-Type", "Location", "Retry-After"];

/**
 * Gives a write to the queue, its body as it is, and answers with what the queue says; or passes it on to the component,
 * when nothing waits before it. What the queue does not take now, being away or too small, is refused as if there were none:
 * it may not pass while others of its aggregate could be waiting.
 */
export async function enqueue(r: NginxHTTPRequest): Promise<void> {
  // Encoded anew, so that it is one header whatever the path holds, and the same for each way to write that path.
  const path = r.uri.split("/").map(encodeURIComponent).join("/");
  const aggregate = aggregateOf(r.variables.stemhub_queue_aggregate ?? "", path);
  // A component may have been sent more than the queue takes.
  const fits = Number(r.headersIn["Content-Length"] ?? 0) <= Number(r.variables.stemhub_queue_bytes);
  if (aggregate === undefined || !fits) {
    r.internalRedirect(refused);
    return;
  }
  r.variables.stemhub_aggregate = aggregate;
  const reply = await r.subrequest("/.well-known/stemhub/queue", { method: "POST" });
  const text = reply.responseText ?? "";
  if (reply.status === 204) r.internalRedirect(r.variables.stemhub_app ?? "");
  else if (isAnswer(reply)) answer(r, reply, text);
  else r.internalRedirect(refused);
}

/** Whether it is the queue's word for the client, and not that it is away, or does not know us. */
function isAnswer(reply: NginxHTTPRequest): boolean {
  const status = reply.status;
  return status === 202 || status === 400 || status === 409 || status === 422;
}

function answer(r: NginxHTTPRequest, reply: NginxHTTPRequest, text: string): void {
  r.headersOut["Cache-Control"] = "no-store";
  forClients.forEach((name) => {
    const value = reply.headersOut[name];
    if (value !== undefined) r.headersOut[name] = value as string;
  });
  r.return(reply.status, text);
}
