import type { ModeDocument } from "../../../operator/api/mode-document.ts";
import { backoffMs } from "../../../operator/runtime/backoff.ts";
import type { Clock, Timer } from "../../../operator/runtime/clock.ts";

/** How often the mode is asked for while there is no stream; half of it at the least, so that pages spread. */
const askEveryMs = 15_000;
/** How soon a stream that was refused is opened again. */
const openAgain = { minMs: 2_000, maxMs: 60_000 } as const;

/** What a stream of server-sent events says. */
export interface StreamHeard {
  opened(): void;
  /** The text of a mode document. */
  mode(text: string): void;
  /** @param isOver it does not come back by itself. */
  lost(isOver: boolean): void;
}

/** What following the mode needs of a browser. */
export interface Surroundings {
  /** Opens a stream of the mode; absent where the browser has none. */
  readonly openStream?: (heard: StreamHeard) => { close(): void };
  /** The text of the mode document. Errors: any, where it is not to be had. */
  readonly ask: () => Promise<string>;
  readonly clock: Pick<Clock, "setTimer">;
}

/**
 * Tells each new mode, for as long as the page lives: by a stream, and by asking while there is none.
 *
 * Guarantees: an older epoch than one that was told is never told; while nothing is to be had, what was told stands; a page
 * has one stream and asks for one document at a time at most.
 */
export function followMode(surroundings: Surroundings, tell: (document: ModeDocument) => void): void {
  const { openStream, ask, clock } = surroundings;
  let epoch = 0;
  let hasStream = false;
  let refusals = 0;
  let asking: Timer | undefined;

  function hear(text: string): void {
    const document = documentOf(text);
    if (!document || document.epoch < epoch) return;
    epoch = document.epoch;
    tell(document);
  }

  function askUntilStream(): void {
    if (hasStream || asking) return;
    asking = clock.setTimer(askEveryMs * (0.5 + Math.random() / 2), () => {
      if (hasStream) {
        asking = undefined;
        return;
      }
      // Whatever went wrong: what was told stands, and it is asked for again.
      void ask()
        .then(hear, () => undefined)
        .finally(() => {
          asking = undefined;
          askUntilStream();
        });
    });
  }

  function listen(): void {
    const stream = openStream?.({
      opened() {
        hasStream = true;
        refusals = 0;
      },
      mode: hear,
      lost(isOver) {
        hasStream = false;
        askUntilStream();
        if (!isOver) return;
        stream?.close();
        refusals += 1;
        clock.setTimer(backoffMs(refusals, openAgain), listen);
      },
    });
  }

  listen();
  if (!openStream) void ask().then(hear, () => undefined);
  askUntilStream();
}

/** Undefined for what is none: a proxy in between may answer with a page of its own. */
function documentOf(text: string): ModeDocument | undefined {
  try {
    const document = JSON.parse(text) as Partial<ModeDocument> | null;
    return Number.isInteger(document?.epoch) && document?.capabilities ? (document as ModeDocument) : undefined;
  } catch {
    return undefined;
  }
}
