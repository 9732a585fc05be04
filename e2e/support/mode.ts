import { setTimeout as sleep } from "node:timers/promises";
import type { ModeDocument } from "../../operator/api/mode-document.ts";
import { eventually } from "./deadline.ts";
import type { GatewayAnswer, GatewayClient } from "./gateway.ts";

/** What the gateway serves at /.well-known/stemhub/mode. */
export async function modeOf(gateway: GatewayClient): Promise<ModeDocument> {
  return (await gateway.expect(200, "/.well-known/stemhub/mode")).json<ModeDocument>();
}

/** Waits until the gateway tells of a mode as wanted, and returns the document. Errors: what was told last, at the deadline. */
export function untilMode(
  gateway: GatewayClient,
  what: string,
  deadlineMs: number,
  isSo: (document: ModeDocument) => boolean,
): Promise<ModeDocument> {
  const look = async () => {
    const document = await modeOf(gateway);
    if (isSo(document)) return document;
    const told = Object.entries(document.capabilities).map(([name, { mode, reason }]) => `${name} ${mode} (${reason})`);
    throw new Error(`epoch ${document.epoch}, ${document.mode}: ${told.join(", ")}`);
  };
  return eventually(`the mode is ${what}`, deadlineMs, look, 200);
}

/**
 * Follows the mode as a page would, which comes back when its stream ends; `end` returns all that was told. Errors: by `end`, of
 * a stream that has broken and told nothing since.
 */
export function followMode(gateway: GatewayClient): { end(): Promise<readonly ModeDocument[]> } {
  const stop = new AbortController();
  const seen: ModeDocument[] = [];
  let broken: unknown;
  const follow = async () => {
    const events = gateway.events<ModeDocument>("/.well-known/stemhub/mode/events", stop.signal);
    for await (const { data } of events) {
      seen.push(data);
      broken = undefined;
    }
  };
  const following = (async () => {
    while (!stop.signal.aborted) {
      await follow().catch((error: unknown) => {
        if (!stop.signal.aborted) broken = error;
      });
      await sleep(comesBackAfterMs);
    }
  })();
  return {
    end: async () => {
      stop.abort();
      await following;
      if (broken) throw broken;
      return seen;
    },
  };
}

const comesBackAfterMs = 200;

/** What a refusal is: RFC 9457, with our own members. */
export interface Refusal {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly capability: string;
  readonly mode: string;
  readonly epoch: number;
}

/** An answer that refuses, as its reader understands it. Errors: where it is no problem+json, or says not when to come again. */
export function refusal(answer: GatewayAnswer): Refusal {
  const { headers, status } = answer;
  if (!String(headers["content-type"]).startsWith("application/problem+json") || !headers["retry-after"])
    throw new Error(`no refusal, but ${status} ${headers["content-type"]}: ${answer.body.slice(0, 300)}`);
  return answer.json<Refusal>();
}
