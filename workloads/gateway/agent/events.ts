import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { Clock, Timer } from "../../../operator/runtime/clock.ts";
import type { Latest, ModeContent } from "./latest.ts";

/** Streams at most: more are answered with 503, since each costs memory for as long as it lasts. */
const maxStreams = 4_000;
/** A client that has not read this much has gone away, or reads slower than modes change: it may come back and ask. */
const maxUnreadBytes = 64 * 1024;
/** Below the minute after which proxies give up on a silent connection, with room for one that is lost. */
const heartbeatMs = 15_000;
/** When a client whose stream has ended comes back. */
const retryMs = 2_000;

/**
 * Server-sent events of the mode, on a Unix socket that nginx passes on: event `mode`, its id the epoch, its data the mode
 * document. Whoever connects gets the present one at once, unless Last-Event-ID says that they have it.
 */
export class ModeEvents {
  readonly #latest: Latest;
  readonly #clock: Clock;
  readonly #streams = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #unsubscribe: () => void;
  #heartbeat: Timer | undefined;

  constructor(clock: Clock, latest: Latest) {
    this.#clock = clock;
    this.#latest = latest;
    this.#server = createServer((request, response) => this.#open(response, request.headers["last-event-id"]));
    this.#server.keepAliveTimeout = 1_000;
    let told = latest.content.mode;
    this.#unsubscribe = latest.onChange(({ mode }) => {
      if (!mode || mode === told) return;
      told = mode;
      this.#tellAll(frameOf(mode));
    });
  }

  /** How many listen now. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Begins to listen; a socket that a killed process has left is replaced. */
  async listen(socketPath: string): Promise<void> {
    await rm(socketPath, { force: true });
    this.#server.listen(socketPath, 1024);
    await once(this.#server, "listening");
    this.#beat();
  }

  /** Ends every stream, so that clients come back to a gateway that stays. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#heartbeat?.clear();
    for (const stream of this.#streams) stream.end();
    this.#server.closeIdleConnections();
    const closed = once(this.#server, "close");
    this.#server.close();
    // Who does not read to the end is cut off.
    const timer = this.#clock.setTimer(1_000, () => this.#server.closeAllConnections());
    await closed;
    timer.clear();
  }

  #open(response: ServerResponse, lastEventId: string | string[] | undefined): void {
    if (this.#streams.size >= maxStreams) {
      response.writeHead(503, { "Content-Type": "application/problem+json", "Retry-After": "30" });
      response.end(
        JSON.stringify({
          type: "about:blank",
          title: "Too many listen",
          status: 503,
          detail: "Try again in a minute.",
        }),
      );
      return;
    }
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(`retry: ${retryMs}\n\n`);
    const { mode } = this.#latest.content;
    const has = Number(lastEventId ?? Number.NaN);
    if (mode && !(has >= mode.document.epoch)) this.#tell(response, frameOf(mode));
  }

  #tellAll(frame: Buffer): void {
    for (const stream of this.#streams) this.#tell(stream, frame);
  }

  /** The frame is one buffer for all: what a slow client has not read costs no copy. */
  #tell(stream: ServerResponse, frame: Buffer): void {
    if (stream.writableLength + frame.length > maxUnreadBytes) stream.destroy();
    else stream.write(frame);
  }

  #beat(): void {
    this.#heartbeat = this.#clock.setTimer(heartbeatMs, () => {
      this.#tellAll(heartbeat);
      this.#beat();
    });
  }
}

const heartbeat = Buffer.from(":\n\n");

/** Line breaks would end a frame: JSON without spaces has none. */
function frameOf(mode: NonNullable<ModeContent["mode"]>): Buffer {
  return Buffer.from(`event: mode\nid: ${mode.document.epoch}\ndata: ${JSON.stringify(JSON.parse(mode.text))}\n\n`);
}
