import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../../runtime/clock.ts";
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
  const late = new AbortController();
  const timer = clock.setTimer(fetchDeadlineMs, () => late.abort());
  try {
    const response = await get(url, AbortSignal.any([signal, late.signal]), ca);
    if (response.statusCode !== 200) {
      response.destroy();
      throw new AnswerRefused("Status", `the answer is ${response.statusCode}`);
    }
    return await readAll(response);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (late.signal.aborted) throw new AnswerRefused("NoAnswer", `no answer within ${fetchDeadlineMs / 1_000} s`);
    if (error instanceof AnswerRefused) throw error;
    const code = (error as { code?: unknown }).code;
    throw new AnswerRefused("NoAnswer", `no answer: ${typeof code === "string" ? code : "the connection broke"}`);
  } finally {
    timer.clear();
  }
}

function get(url: string, signal: AbortSignal, ca: string | undefined): Promise<IncomingMessage> {
  // A connection of its own each time: one that was kept may lead to a pod that is gone.
  const options = { signal, agent: false, headers: { accept: "application/json", "user-agent": "stemhub-operator" } };
  return new Promise((resolve, reject) => {
    const sent = url.startsWith("https:")
      ? httpsRequest(url, { ...options, ...(ca === undefined ? {} : { ca }) })
      : httpRequest(url, options);
    sent.on("response", resolve);
    sent.on("error", reject);
    sent.end();
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > mostAnswerBytes)
      throw new AnswerRefused("TooLarge", `the answer is larger than ${mostAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
