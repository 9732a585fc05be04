import type { IncomingMessage } from "node:http";

/** What somebody may do in a project, in the api's words. */
export type Role = "Viewer" | "Editor" | "Admin";

/** A role, or the HTTP status by which the connection is refused. */
export type Verdict = { readonly role: Role } | { readonly refused: 401 | 403 | 404 | 503 };

const deadlineMs = 3_000;

/**
 * Asks the api about a project in the name of whoever connects, by their own cookie or bearer: this service keeps no roles.
 * 503 when the api does not answer in time: who is connected stays so, and nobody new is let in.
 */
export async function roleIn(project: string, request: IncomingMessage, api: string): Promise<Verdict> {
  if (!sameSite(request)) return { refused: 403 };
  const headers: Record<string, string> = {};
  for (const name of ["authorization", "cookie", "x-request-id"]) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const answer = await fetch(`${api}/api/projects/${project}`, { headers, signal, redirect: "error" });
    if (answer.status === 401 || answer.status === 404) return { refused: answer.status };
    if (!answer.ok) return { refused: 503 };
    const { role } = (await answer.json()) as { role?: unknown };
    return role === "Viewer" || role === "Editor" || role === "Admin" ? { role } : { refused: 503 };
  } catch {
    return { refused: 503 };
  }
}

/** A page of another site may open a WebSocket anywhere, and its user's cookie would come along. */
function sameSite({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return true;
  const origin = URL.parse(headers.origin);
  // Without the port: behind a gateway the Host may have lost it.
  return origin !== null && origin.hostname === URL.parse(`http://${headers.host}`)?.hostname;
}
