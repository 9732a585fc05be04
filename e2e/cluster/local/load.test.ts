import { expect, test } from "vitest";
import { decideKept } from "./load.ts";

const versions = (...tags: readonly number[]) => tags.map((tag) => `localhost/stemhub-operator:${tag}`);

test.each<[string, readonly string[], readonly string[], readonly string[], readonly string[]]>([
  ["the oldest of four versions goes", versions(1, 2, 3), versions(4), [], versions(1)],
  ["one that containers are made of stays", versions(1, 2, 3), versions(4), versions(1), []],
  ["one that is given again counts as new", versions(1, 2, 3), versions(1), [], []],
  ["one that is given again is not the oldest any more", versions(2, 3, 1), versions(4), [], versions(2)],
  ["other images do not count", [...versions(1, 2), "localhost/stemhub-postgres:1"], versions(3), [], []],
  ["several go at once", versions(1, 2, 3, 4), versions(5), [], versions(1, 2)],
  ["nothing was given before", [], versions(1), [], []],
])("%s", (_, before, given, used, dropped) => {
  const decided = decideKept(before, given, used);
  expect(decided.dropped).toEqual(dropped);
  const all = [...before.filter((ref) => !given.includes(ref)), ...given];
  expect(decided.kept).toEqual(all.filter((ref) => !dropped.includes(ref)));
});
