import { Agent, request } from "node:http";
import type { Socket } from "node:net";
import { backoffMs } from "../../../operator/runtime/backoff.ts";
import type { Clock } from "../../../operator/runtime/clock.ts";
import type { Log } from "../../../operator/runtime/log.ts";
import type { Latest, ModeContent } from "./latest.ts";

export interface FeedDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** nginx takes a mode in a millisecond; one that is that slow is hung, or is being started. */
const answerMs = 5_000;
/** nginx begins to listen some 50 ms after its container's start, and traffic that it takes before it has a mode flows. */
const retry = { minMs: 50, maxMs: 1_000 };

/**
 * Keeps nginx told until the signal: at once what changes, and all of it again whenever nginx has closed the connection,
 * which it does when it ends and after 15 s of silence. So an nginx that was begun anew knows the mode within moments, and
 * nothing that was lost on the way stays lost.
 */
export async function feedNginx(deps: FeedDeps, socketPath: string, latest: Latest): Promise<void> {
  const { clock, log, signal } = deps;
  let failures = 0;
  while (!signal.aborted) {
    const news = Promise.withResolvers<void>();
    const unsubscribe = latest.onChange(() => news.resolve());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ended = new AbortController();
    try {
      const { status, text, closed } = await handOver(socketPath, latest.content, agent);
      if (status !== 204) log.warn({ status, reason: text.trim() }, "nginx did not take the mode");
      failures = 0;
      await Promise.race([closed, news.promise, aborted(AbortSignal.any([signal, ended.signal]))]);
    } catch (error) {
      failures += 1;
      // The first few are nginx being started.
      log[failures < 5 ? "debug" : "warn"](
        { reason: String(error), failures },
        "nginx is not there, and is tried again",
      );
      await Promise.race([news.promise, clock.sleep(backoffMs(failures, retry), signal).catch(() => undefined)]);
    } finally {
      ended.abort();
      unsubscribe();
      agent.destroy();
    }
  }
}

interface HandedOver {
  readonly status: number;
  readonly text: string;
  /** Resolves when nginx has closed the connection. */
  readonly closed: Promise<void>;
}

function handOver(socketPath: string, content: ModeContent, agent: Agent): Promise<HandedOver> {
  const { mode, jwks, revocations } = content;
  const body = JSON.stringify({ mode: mode?.text, jwks, revocations });
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const options = { socketPath, path: "/hand-over", method: "PUT", headers, agent, timeout: answerMs };
    let socket: Socket | undefined;
    const sent = request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (piece) => {
        text += piece;
      });
      answer.on("error", reject);
      answer.on("end", () => {
        sent.setTimeout(0);
        const closed = new Promise<void>((done) => {
          if (!socket || socket.closed) done();
          else socket.once("close", () => done());
        });
        resolve({ status: answer.statusCode ?? 0, text, closed });
      });
    });
    sent.on("socket", (given) => {
      socket = given;
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${answerMs} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
