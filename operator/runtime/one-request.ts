import { type Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";

/** One request to whoever it may be. */
export interface OneRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the authority that the server's certificate is from; absent for public ones. */
  readonly ca?: string | undefined;
  /** Absent: a connection of its own, closed at the end. */
  readonly agent?: Agent | undefined;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface OneResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** At most 64 KiB of it. */
  readonly body: string;
}

/** No answer within the deadline, in any form. */
export class SilenceError extends Error {}

/** More of an answer than that is read and thrown away. */
const mostBodyBytes = 64 * 1024;

/**
 * One request with its whole answer. Redirects are not followed. Errors: SilenceError when nothing came by the deadline, else
 * Node's own, with a code.
 */
export function send(options: OneRequest): Promise<OneResponse> {
  const { method, url, headers, body, ca, agent, timeoutMs, signal } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const start = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      reject(deadline.aborted ? new SilenceError(`no answer within ${timeoutMs / 1_000} s`) : error);
    };
    const request = start(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) },
      agent: agent ?? false,
      signal: AbortSignal.any([signal, deadline]),
      ...(ca === undefined ? {} : { ca }),
    });
    request.once("error", fail);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= mostBodyBytes) chunks.push(chunk);
      });
      response.once("error", fail);
      response.once("end", () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, body: Buffer.concat(chunks).toString() });
      });
    });
    request.end(body);
  });
}
