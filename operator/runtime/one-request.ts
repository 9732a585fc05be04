import { type Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Clock, systemClock } from "./clock.ts";

/** One request to whoever it may be. */
export interface OneRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the authority that the server's certificate is from; absent for public ones. */
  readonly ca?: string | undefined;
  /** PEM: what the client shows of itself; absent: nothing. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** Absent: a connection of its own, closed at the end. */
  readonly agent?: Agent | undefined;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
  /** A longer answer is refused by TooLongError. Absent: what is beyond 64 KiB is read and thrown away. */
  readonly mostBytes?: number;
  readonly clock?: Pick<Clock, "setTimer">;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface OneResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** At most mostBytes of it, or 64 KiB. */
  readonly body: string;
}

/** No answer within the deadline, in any form. */
export class SilenceError extends Error {}

/** An answer of more than mostBytes. */
export class TooLongError extends Error {}

/** More of an answer than that is read and thrown away. */
const mostBodyBytes = 64 * 1024;

/**
 * One request with its whole answer. Redirects are not followed. Errors: SilenceError when it was not there by the deadline,
 * TooLongError, else Node's own, with a code.
 */
export function send(options: OneRequest): Promise<OneResponse> {
  const { method, url, headers, body, ca, client, agent, timeoutMs, mostBytes, clock = systemClock, signal } = options;
  const start = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = start(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) },
      agent: agent ?? false,
      ...(ca === undefined ? {} : { ca }),
      ...client,
    });
    // Not by AbortSignal.timeout: at hundreds of requests a second its errors and listeners cost more than the requests.
    let late = false;
    const timer = clock.setTimer(timeoutMs, () => {
      late = true;
      request.destroy();
    });
    const onAbort = () => request.destroy(new Error("stopped"));
    const settle = (end: () => void) => {
      timer.clear();
      signal.removeEventListener("abort", onAbort);
      end();
    };
    const fail = (error: Error) =>
      settle(() => reject(late ? new SilenceError(`no answer within ${timeoutMs / 1_000} s`) : error));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    request.once("error", fail);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (mostBytes !== undefined && bytes > mostBytes)
          request.destroy(new TooLongError(`the answer is larger than ${mostBytes} bytes`));
        else if (bytes <= (mostBytes ?? mostBodyBytes)) chunks.push(chunk);
      });
      response.once("error", fail);
      response.once("end", () => {
        const { statusCode: status = 0, headers: received } = response;
        settle(() => resolve({ status, headers: received, body: Buffer.concat(chunks).toString() }));
      });
    });
    request.end(body);
  });
}
