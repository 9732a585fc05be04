import type { Clock } from "../../runtime/clock.ts";
import { SilenceError, send, TooLongError } from "../../runtime/one-request.ts";
import { AnswerRefused } from "./refused.ts";

/** From the call to the last byte. */
export const fetchDeadlineMs = 5_000;

/** Bytes of an answer. A ConfigMap holds 1 MiB, and mode, keys and revocations are in one. */
export const mostAnswerBytes = 256 * 1024;

/** How a document is fetched. */
export interface FetchOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** PEM of the authority that signs the server's certificate; public ones where absent. */
  readonly ca?: string;
}

/**
 * The body of a GET that was answered with 200. Redirects are not followed: where keys come from is the spec's to say.
 *
 * Errors: AnswerRefused (Status, TooLarge, NoAnswer) within fetchDeadlineMs; the signal's reason when it is aborted.
 */
export async function fetchDocument(url: string, { clock, signal, ca }: FetchOptions): Promise<string> {
  const headers = { accept: "application/json", "user-agent": "stemhub-operator" };
  const bounds = { timeoutMs: fetchDeadlineMs, mostBytes: mostAnswerBytes };
  try {
    const { status, body } = await send({ method: "GET", url: new URL(url), headers, ca, ...bounds, clock, signal });
    if (status !== 200) throw new AnswerRefused("Status", `the answer is ${status}`);
    return body;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof AnswerRefused) throw error;
    if (error instanceof SilenceError) throw new AnswerRefused("NoAnswer", error.message);
    if (error instanceof TooLongError) throw new AnswerRefused("TooLarge", error.message);
    const code = (error as { code?: unknown }).code;
    throw new AnswerRefused("NoAnswer", `no answer: ${typeof code === "string" ? code : "the connection broke"}`);
  }
}
