import { request } from "node:http";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Answer } from "./decide.ts";
import type { Write } from "./write.ts";

/** As the gateway's default: longer than that no user would have waited either. */
export const answerDeadlineMs = 60_000;
const connectDeadlineMs = 5_000;

/** What is sent beside the write itself. */
export interface Delivery {
  readonly write: Write;
  readonly body: Buffer;
  /** Of the write's component: http://HOST:PORT. */
  readonly base: string;
  readonly assertion: string;
}

/**
 * Sends a write to its component, once, over a connection of its own: on one that is kept, a request can meet its end, and
 * nobody would know whether it was read.
 *
 * Guarantees: ends by its deadline or with the signal; `notSent` only where no connection was made, so that no byte has
 * left; an answer's status stands though its body breaks off. Never throws.
 */
export function send({ write, body, base, assertion }: Delivery, clock: Clock, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    let connected = false;
    let answer: Answer | undefined;
    const end = (result: Answer) => {
      connecting.clear();
      deadline.clear();
      signal.removeEventListener("abort", cut);
      resolve(result);
      outgoing.destroy();
    };
    const cut = () => end(answer ?? { kind: connected ? "lost" : "notSent" });
    const { hostname, port } = new URL(base);
    const outgoing = request(
      {
        host: hostname.replace(/^\[|\]$/g, ""),
        port: port || 80,
        method: write.method,
        agent: false,
        // Never resolved against the base: "//elsewhere/" is a path here.
        path: write.uri,
        headers: {
          "idempotency-key": write.key,
          "x-request-id": write.requestId,
          "x-stemhub-assertion": assertion,
          "content-length": body.length,
          "user-agent": "stemhub-queue",
          ...(write.contentType === undefined ? {} : { "content-type": write.contentType }),
        },
      },
      (response) => {
        const { statusCode: status = 0, headers } = response;
        const readOnly = status === 503 && headers["x-stemhub-error"] === "read-only";
        answer = { kind: "answered", status, readOnly };
        // Read to its end, since an app may give up its work when nobody does.
        response.once("close", cut);
        response.once("error", cut);
        response.resume();
      },
    );
    const connecting = clock.setTimer(connectDeadlineMs, () => {
      if (!connected) cut();
    });
    const deadline = clock.setTimer(answerDeadlineMs, cut);
    outgoing.once("socket", (socket) => {
      socket.once("connect", () => {
        connected = true;
      });
    });
    outgoing.on("error", cut);
    signal.addEventListener("abort", cut, { once: true });
    if (signal.aborted) cut();
    else outgoing.end(body);
  });
}
