import fc from "fast-check";
import { expect, test } from "vitest";
import { silentLog } from "../../../operator/runtime/log.ts";
import { aModeDocument, type ModeSketch } from "../testing/mode.ts";
import { Latest, type ModeContent } from "./latest.ts";

const modeText = (sketch: ModeSketch) => JSON.stringify(aModeDocument(sketch));

function latestOf(...given: Readonly<Record<string, string>>[]) {
  const latest = new Latest(silentLog);
  const heard: ModeContent[] = [];
  latest.onChange((content) => heard.push(content));
  for (const data of given) latest.offer(data, "test");
  return { latest, heard };
}

test.each<[string, Record<string, string>, number, string | undefined]>([
  ["a newer epoch", { "mode.json": modeText({ epoch: 6 }) }, 6, "{}"],
  ["another text of the same epoch", { "mode.json": modeText({ epoch: 5, auth: "Degraded" }) }, 5, "{}"],
  ["an older epoch", { "mode.json": modeText({ epoch: 4 }) }, 5, "{}"],
  ["what is no JSON", { "mode.json": "{", "jwks.json": "{" }, 5, "{}"],
  ["what is no mode document", { "mode.json": '{"epoch": 9}' }, 5, "{}"],
  ["a ConfigMap without keys", {}, 5, "{}"],
  ["a newer key set beside an older mode", { "mode.json": modeText({ epoch: 1 }), "jwks.json": "[]" }, 5, "[]"],
])("given epoch 5, then %s leaves the newest of each", (_, data, epoch, jwks) => {
  const { latest } = latestOf({ "mode.json": modeText({ epoch: 5 }), "jwks.json": "{}" }, data);
  expect(latest.content.mode?.document.epoch).toBe(epoch);
  expect(latest.content.jwks).toBe(jwks);
});

test("the same again is no change", () => {
  const data = { "mode.json": modeText({ epoch: 5 }), "revocations.json": "{}" };
  expect(latestOf(data, { ...data }, data).heard).toHaveLength(1);
});

test("whatever comes in whatever order, the epoch never falls", () =>
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }), (epochs) => {
      const { heard } = latestOf(...epochs.map((epoch) => ({ "mode.json": modeText({ epoch }) })));
      const seen = heard.map(({ mode }) => mode?.document.epoch ?? 0);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(seen.at(-1) ?? 0).toBe(Math.max(0, ...epochs));
    }),
  ));
