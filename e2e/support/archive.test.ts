import { expect, test } from "vitest";
import { segmentOf } from "../../operator/api/wal-segments.ts";
import { type Archive, holes } from "./archive.ts";

const history = "1\t0/5000148\tno recovery target specified\n";
const archive = (first: number[], second: number[]): Archive => ({
  segments: new Map([
    [1, first],
    [2, second],
  ]),
  names: [],
});

test.each([
  ["none where both timelines are whole", [2, 3, 4], [5, 6, 7], []],
  ["what only the former primary had", [2], [5, 6], ["1:3", "1:4"]],
  ["the first of the new timeline", [2, 3, 4], [6, 7], ["2:5"]],
  ["one in the middle", [2, 4], [5, 7], ["1:3", "2:6"]],
])("holes of an archive are %s", (_, first, second, expected) => {
  expect(holes(archive(first, second), history)).toEqual(expected);
});

test("a segment's number counts on over the logs", () => {
  expect(segmentOf("000000020000000100000003")).toEqual({ timeline: 2, number: 259 });
});
