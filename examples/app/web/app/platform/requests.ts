/** What came of a request. */
export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  /** Saved for later: its state is at `status`. */
  | { readonly kind: "queued"; readonly status: string; readonly message: string }
  | Refused;

/** Not done, for a reason that users can read. `status` 0: nobody answered. */
export interface Refused {
  readonly kind: "refused";
  readonly status: number;
  readonly detail: string;
  readonly retryAfterSeconds: number;
}

const deadlineMs = 15_000;
const nobodyAnswered = "StemHub cannot be reached. Try again in a moment.";

/** Reads. */
export function ask<T>(path: string): Promise<Outcome<T>> {
  return request<T>(path, {});
}

/** Changes something, once for each key however often it is asked for. */
export function change<T>(method: "POST" | "PATCH", path: string, body: object, key: string): Promise<Outcome<T>> {
  return request<T>(path, {
    method,
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify(body),
  });
}

async function request<T>(path: string, init: RequestInit): Promise<Outcome<T>> {
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(deadlineMs) });
    return outcome<T>(response.status, (name) => response.headers.get(name), await response.text());
  } catch {
    return { kind: "refused", status: 0, detail: nobodyAnswered, retryAfterSeconds: 5 };
  }
}

/** Reads an answer: done, saved for later, or a problem document (RFC 9457). */
export function outcome<T>(status: number, header: (name: string) => string | null, text: string): Outcome<T> {
  const body = parsed(text);
  if (status === 202) {
    return { kind: "queued", status: header("Location") ?? "", message: String(body?.message ?? "Saved for later") };
  }
  if (status >= 200 && status < 300) return { kind: "done", value: body as T };
  const detail = typeof body?.detail === "string" ? body.detail : nobodyAnswered;
  return { kind: "refused", status, detail, retryAfterSeconds: Number(header("Retry-After")) || 5 };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Sends a file, and says how far it is, from 0 to 1. */
export function sendFile(path: string, file: File, progress: (part: number) => void): Promise<Outcome<undefined>> {
  return new Promise((resolve) => {
    // fetch tells nothing of what it has sent.
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 1);
    request.onload = () =>
      resolve(outcome(request.status, (name) => request.getResponseHeader(name), request.responseText));
    request.onerror = () => resolve({ kind: "refused", status: 0, detail: nobodyAnswered, retryAfterSeconds: 5 });
    request.open("PUT", path);
    request.send(file);
  });
}
