import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLog } from "../../../operator/runtime/log.ts";
import { FakeClock } from "../../../operator/testing/clock.ts";
import { aModeDocument, type ModeSketch } from "../testing/mode.ts";
import { ModeEvents } from "./events.ts";
import { Latest } from "./latest.ts";

let folder: string;
let socketPath: string;
const listeners: Listener[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "events-"));
  socketPath = join(folder, "agent.sock");
});
afterEach(async () => {
  for (const listener of listeners.splice(0)) listener.socket.destroy();
  await rm(folder, { recursive: true });
});

/** One client of the stream, as a browser would be: what it has been sent so far. */
interface Listener {
  readonly socket: Socket;
  received: string;
  ended: boolean;
}

async function listen(lastEventId?: number): Promise<Listener> {
  const socket = connect(socketPath);
  const listener: Listener = { socket, received: "", ended: false };
  listeners.push(listener);
  socket.on("data", (piece) => {
    listener.received += piece;
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    listener.ended = true;
  });
  await once(socket, "connect");
  const header = lastEventId === undefined ? "" : `Last-Event-ID: ${lastEventId}\r\n`;
  socket.write(`GET /.well-known/stemhub/mode/events HTTP/1.1\r\nHost: x\r\n${header}\r\n`);
  await vi.waitFor(() => expect(listener.received).toContain("retry: "), { timeout: 20_000 });
  return listener;
}

const idsOf = ({ received }: Listener) => [...received.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
const data = (sketch: ModeSketch) => ({ "mode.json": JSON.stringify(aModeDocument(sketch), null, 2) });

describe("a stream of the mode", () => {
  let clock: FakeClock;
  let latest: Latest;
  let events: ModeEvents;

  beforeEach(async () => {
    clock = new FakeClock();
    latest = new Latest(silentLog);
    events = new ModeEvents(clock, latest);
    await events.listen(socketPath);
  });

  test("begins with the present mode, and tells each later one, each whole on a line", async () => {
    latest.offer(data({ epoch: 3 }), "test");
    const listener = await listen();
    latest.offer(data({ epoch: 4, database: "ReadOnly" }), "test");
    await vi.waitFor(() => expect(idsOf(listener)).toEqual([3, 4]));
    const [, sent] = [...listener.received.matchAll(/^data: (.*)$/gm)].map(([, text]) => JSON.parse(text ?? ""));
    expect(sent).toEqual(aModeDocument({ epoch: 4, database: "ReadOnly" }));
    await events.close();
  });

  test.each([
    ["has the present one", 3, []],
    ["has a newer one, of a gateway that heard it first", 4, []],
    ["has an older one", 2, [3]],
    ["says none", undefined, [3]],
  ])("repeats nothing to who comes back and %s", async (_, lastEventId, ids) => {
    latest.offer(data({ epoch: 3 }), "test");
    const listener = await listen(lastEventId);
    latest.offer(data({ epoch: 5 }), "test");
    await vi.waitFor(() => expect(idsOf(listener)).toEqual([...ids, 5]));
    await events.close();
  });

  test("says nothing of a mode until there is one, nor again when only keys change", async () => {
    const listener = await listen();
    latest.offer({ "jwks.json": "{}" }, "test");
    latest.offer(data({ epoch: 1 }), "test");
    latest.offer({ "jwks.json": "[]" }, "test");
    latest.offer(data({ epoch: 2 }), "test");
    await vi.waitFor(() => expect(idsOf(listener)).toEqual([1, 2]));
    await events.close();
  });

  test("is not silent for longer than 15 s", async () => {
    const listener = await listen();
    await clock.advance(45_000);
    await vi.waitFor(() => expect(listener.received.match(/:\n\n/g)).toHaveLength(3));
    await events.close();
  });

  test("ends when the agent does, so that clients go elsewhere, and leaves no timer behind", async () => {
    const listener = await listen();
    await events.close();
    await vi.waitFor(() => expect(listener.ended).toBe(true));
    expect(clock.timers).toBe(0);
  });

  test("of a client that does not read is cut, and the others go on", async () => {
    const [deaf, other] = [await listen(), await listen()];
    deaf.socket.pause();
    for (let epoch = 1; epoch <= 1_000; epoch++) {
      latest.offer(data({ epoch }), "test");
      if (epoch % 50 === 0) await new Promise(setImmediate);
    }
    await vi.waitFor(() => expect(idsOf(other).at(-1)).toBe(1_000));
    await vi.waitFor(() => expect(events.streams).toBe(1));
    await events.close();
  });
});

describe("2,000 clients", () => {
  test("hear of a flip at once, in less than 64 MiB more", async () => {
    const agent: ChildProcess = fork(new URL("../testing/serve-events.ts", import.meta.url), [socketPath]);
    const answer = async (message: object): Promise<{ rssBytes: number; streams: number }> => {
      agent.send(message);
      const [answered] = await once(agent, "message");
      return answered as { rssBytes: number; streams: number };
    };
    await once(agent, "message");
    try {
      const { rssBytes: before } = await answer({ offer: data({ epoch: 1 }) });
      for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 100 }, () => listen()));
      const { rssBytes, streams } = await answer({ offer: data({ epoch: 2, database: "ReadOnly" }) });
      await vi.waitFor(() => expect(listeners.every((each) => idsOf(each).join() === "1,2")).toBe(true), {
        timeout: 5_000,
      });
      expect(streams).toBe(2_000);
      expect((rssBytes - before) / 2 ** 20).toBeLessThan(64);
    } finally {
      agent.kill();
      await once(agent, "exit");
    }
  }, 60_000);
});
