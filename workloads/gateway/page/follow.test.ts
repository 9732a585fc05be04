import { beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../../operator/testing/clock.ts";
import { aModeDocument, type ModeSketch } from "../testing/mode.ts";
import { followMode, type StreamHeard } from "./follow.ts";
import { sentencesOf } from "./sentences.ts";

/** A browser before a gateway that does as a test says. */
let clock: FakeClock;
let streams: (StreamHeard & { closed: boolean })[];
let asked: number;
let document: () => Promise<string>;
let told: number[];

const text = (sketch: ModeSketch) => JSON.stringify(aModeDocument(sketch));

function follow({ withStreams = true } = {}): void {
  const openStream = (heard: StreamHeard) => {
    const stream = { ...heard, closed: false };
    streams.push(stream);
    return { close: () => void Object.assign(stream, { closed: true }) };
  };
  const ask = () => {
    asked += 1;
    return document();
  };
  followMode({ clock, ask, ...(withStreams ? { openStream } : {}) }, ({ epoch }) => told.push(epoch));
}

beforeEach(() => {
  clock = new FakeClock();
  streams = [];
  asked = 0;
  document = () => Promise.reject(new Error("nobody answers"));
  told = [];
});

describe("given a stream", () => {
  test("then each mode is told, none older than one before, and nobody asks", async () => {
    follow();
    streams[0]?.opened();
    for (const epoch of [3, 4, 2, 4]) streams[0]?.mode(text({ epoch }));
    await clock.advance(600_000);
    expect({ told, asked }).toEqual({ told: [3, 4, 4], asked: 0 });
  });

  test.each(["<html>Bad Gateway</html>", "null", '{"epoch":5}', '"text"'])("then %s is no mode", async (noise) => {
    follow();
    streams[0]?.mode(noise);
    expect(told).toEqual([]);
  });

  test("when it is lost and comes back by itself, then it is asked for meanwhile, and not after", async () => {
    document = async () => text({ epoch: 7 });
    follow();
    streams[0]?.opened();
    streams[0]?.lost(false);
    await clock.advance(15_000);
    expect(told).toEqual([7]);
    streams[0]?.opened();
    await clock.advance(15_000);
    const before = asked;
    await clock.advance(600_000);
    expect({ streams: streams.length, more: asked - before }).toEqual({ streams: 1, more: 0 });
  });
});

test("given streams that are refused, then another is opened, ever more seldom, and it is asked for meanwhile", async () => {
  document = async () => text({ epoch: 7 });
  follow();
  for (let round = 0; round < 10; round += 1) {
    streams.at(-1)?.lost(true);
    await clock.advance(60_000);
  }
  expect(streams).toHaveLength(11);
  expect(streams.slice(0, 10).every(({ closed }) => closed)).toBe(true);
  expect(asked).toBeGreaterThanOrEqual(40);
  expect(asked).toBeLessThanOrEqual(80);
});

test("given a browser without streams and a gateway that is away at first, then what it says is told once it is back", async () => {
  follow({ withStreams: false });
  await clock.advance(60_000);
  expect(told).toEqual([]);
  document = async () => text({ epoch: 7 });
  await clock.advance(15_000);
  expect(new Set(told)).toEqual(new Set([7]));
});

test("a notice has each sentence once, and none of what works", () => {
  const { capabilities, ...rest } = aModeDocument({
    storage: "Degraded",
    auth: "Unavailable",
    dawParsing: "Unavailable",
  });
  const same = { ...capabilities.auth, message: capabilities.dawParsing.message };
  expect(sentencesOf({ ...rest, capabilities: { ...capabilities, auth: same } })).toEqual([
    "storage is not as it should be",
    "dawParsing is not as it should be",
  ]);
  expect(sentencesOf(aModeDocument())).toEqual([]);
});
