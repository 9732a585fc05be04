import { describe, expect, test } from "vitest";
import { modesStatusSchema } from "../../api/modes.ts";
import { all, calm as calmly, ok } from "../../testing/modes.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { decideModes } from "./decide.ts";
import { flipEvents } from "./events.ts";
import type { Evidence } from "./evidence.ts";
import { modeConfigMap, modesStatus, publishedMode } from "./published.ts";

const lost: Evidence = { state: "failing", failures: 3, forMs: 3_000, detail: "ECONNREFUSED" };
const facts = { ...calmly, uses: { storage: true, collaboration: false, dawParsing: false, auth: true } };
const calm = decideModes(facts);
const failed = decideModes({
  ...facts,
  former: calm.document,
  evidence: { ...all(ok), auth: lost, storageWrites: lost },
  now: facts.now + 60_000,
});
const stemhub = aStemHub();

test("given a decision, then its status can be told by the schema, and says what fails in a line", () => {
  const status = modesStatusSchema.parse(modesStatus(failed));
  expect(status.summary).toBe("storage Degraded (WritesFail), auth Unavailable (NotAnswering)");
  expect(status.capabilities.find(({ name }) => name === "auth")?.detail).toBe("ECONNREFUSED");
  expect(modesStatus(calm).summary).toBe("all Normal");
});

test("given a status after flips, then each has one event, once", () => {
  const [before, after] = [modesStatus(calm), modesStatus(failed)];
  expect(flipEvents(before, after)).toEqual([
    { type: "Warning", reason: "ModeWorse", note: "storage was Normal and is Degraded (WritesFail: ECONNREFUSED)." },
    { type: "Warning", reason: "ModeWorse", note: "auth was Normal and is Unavailable (NotAnswering: ECONNREFUSED)." },
  ]);
  expect(flipEvents(after, after)).toEqual([]);
});

describe("given what was published", () => {
  const configMap = modeConfigMap(stemhub, failed.document);
  const told = { ...stemhub, status: { modes: modesStatus(failed) } };
  test("then it is read from the ConfigMap", () => {
    expect(publishedMode(told, configMap)).toEqual(failed.document);
  });

  test.each<[string, Parameters<typeof publishedMode>[1]]>([
    ["is gone", undefined],
    ["is broken", { ...configMap, data: { "mode.json": "{" } }],
    ["has no mode", { ...configMap, data: {} }],
    ["is behind", modeConfigMap(stemhub, calm.document)],
  ])("when the ConfigMap %s, then it is read from the status", (_, object) => {
    const document = publishedMode(told, object);
    expect(document?.epoch).toBe(failed.document.epoch);
    expect(document?.capabilities.auth).toMatchObject({ mode: "Unavailable", reason: "NotAnswering" });
  });

  test("when nothing ever was, then there is nothing", () => {
    expect(publishedMode(stemhub, undefined)).toBeUndefined();
  });
});
