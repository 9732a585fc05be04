import { readFile } from "node:fs/promises";

/** One request, as the API server's audit log tells it (level Metadata, one line of JSON a request). */
export interface AuditedRequest {
  readonly verb: string;
  /** `leases`, `stemhubs/status`. */
  readonly resource: string;
  readonly name: string;
  readonly atMs: number;
}

/** Verbs by which something could be changed. */
const writeVerbs = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** Requests of one user between two moments (ms since the epoch), complete ones only. */
export async function auditedRequests(
  path: string,
  user: string,
  between: { readonly fromMs: number; readonly toMs: number },
): Promise<AuditedRequest[]> {
  return parseAudit(await readFile(path, "utf8"), user).filter(
    ({ atMs }) => atMs >= between.fromMs && atMs <= between.toMs,
  );
}

/** Reads an audit log. The last line may be cut off where the server is still writing it: it is left out. */
export function parseAudit(text: string, user: string): AuditedRequest[] {
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line.includes(user))
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter((event) => event.user.username === user && event.stage === "ResponseComplete")
    .map(({ verb, objectRef, requestReceivedTimestamp }) => ({
      verb,
      resource: [objectRef?.resource ?? "", objectRef?.subresource].filter(Boolean).join("/"),
      name: objectRef?.name ?? "",
      atMs: Date.parse(requestReceivedTimestamp),
    }));
}

/** Requests that could have changed something, but for those on Leases: what an idle operator must not send. */
export function writesBesideLease(requests: readonly AuditedRequest[]): AuditedRequest[] {
  return requests.filter(({ verb, resource }) => writeVerbs.has(verb) && resource !== "leases");
}

interface AuditEvent {
  readonly verb: string;
  readonly stage: string;
  readonly requestReceivedTimestamp: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
}
