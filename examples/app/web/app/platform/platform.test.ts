import { describe, expect, test } from "vitest";
import { fate, type Pending, readPending, shown } from "./changes.ts";
import { type ModeDocument, newer, sentences, works } from "./mode.ts";
import { edit } from "./notes.ts";
import { outcome } from "./requests.ts";
import { told } from "./versions.ts";

const document = (epoch: number, capabilities: ModeDocument["capabilities"] = {}): ModeDocument => ({
  epoch,
  mode: "Normal",
  capabilities,
});

const broken = document(7, {
  database: { mode: "Normal", message: "" },
  storage: { mode: "Degraded", message: "Working offline - changes will sync when reconnected" },
  dawParsing: { mode: "Unavailable", message: "Advanced features temporarily unavailable" },
  collaboration: { mode: "Unavailable", message: "Advanced features temporarily unavailable" },
});

describe("the notice", () => {
  test("tells each sentence of what does not work once, and nothing of the rest", () => {
    expect(sentences(broken)).toEqual([
      "Working offline - changes will sync when reconnected",
      "Advanced features temporarily unavailable",
    ]);
    expect(sentences(undefined)).toEqual([]);
  });

  test.each([
    { given: "nothing seen", seen: undefined, told: 3, counts: 3 },
    { given: "a newer one", seen: 3, told: 4, counts: 4 },
    { given: "an older one", seen: 4, told: 3, counts: 4 },
  ])("of $given, epoch $counts counts", ({ seen, told, counts }) => {
    expect(newer(seen === undefined ? undefined : document(seen), document(told)).epoch).toBe(counts);
  });

  test("what is not known to be broken is tried", () => {
    expect([works(undefined, "storage"), works(broken, "storage"), works(broken, "auth")]).toEqual([true, false, true]);
  });
});

describe("changes that were saved for later", () => {
  const projects = [
    { id: "1", name: "Night drive" },
    { id: "2", name: "Sunrise" },
  ];
  const pending: Pending[] = [
    { key: "a", name: "New one", status: "/s/a" },
    { key: "b", project: "2", name: "Dawn", status: "/s/b" },
    { key: "c", project: "2", name: "Dusk", status: "/s/c" },
  ];

  test("show at once, the last of several names, and marked as pending", () => {
    expect(shown(projects, pending)).toEqual([
      { key: "1", id: "1", name: "Night drive", pending: false },
      { key: "2", id: "2", name: "Dusk", pending: true },
      { key: "a", name: "New one", pending: true },
    ]);
  });

  test.each([
    ["Queued", "waiting"],
    ["Sending", "waiting"],
    ["a state of later versions", "waiting"],
    ["Applied", "made"],
    ["DeadLetter", "failed"],
    ["Dropped", "failed"],
    [undefined, "failed"],
  ] as const)("in state %s: %s", (state, expected) => {
    expect(fate(state)).toBe(expected);
  });

  test.each([
    ["what was kept", JSON.stringify(pending), pending],
    ["nothing", null, []],
    ["noise", "{", []],
    ["what is none of ours", '[{"key":1},null,"x"]', []],
  ])("are read back from %s", (_, text, expected) => {
    expect(readPending(text)).toEqual(expected);
  });
});

describe("an answer", () => {
  const headers = (all: Record<string, string>) => (name: string) => all[name] ?? null;

  test("202 says where the change's state is, and the platform's own words", () => {
    const text = JSON.stringify({ message: "Saved for later - it will be applied when the service is back" });
    expect(outcome(202, headers({ Location: "/.well-known/stemhub/writes/x" }), text)).toEqual({
      kind: "queued",
      status: "/.well-known/stemhub/writes/x",
      message: "Saved for later - it will be applied when the service is back",
    });
  });

  test("a problem document is told by its sentence and its wait", () => {
    const text = JSON.stringify({ title: "Service Unavailable", detail: "Changes are paused." });
    expect(outcome(503, headers({ "Retry-After": "15" }), text)).toEqual({
      kind: "refused",
      status: 503,
      detail: "Changes are paused.",
      retryAfterSeconds: 15,
    });
  });

  test("a page of somebody in between is no sentence for users", () => {
    const answer = outcome(502, headers({}), "<html>Bad Gateway</html>");
    expect(answer).toMatchObject({ kind: "refused", detail: "StemHub cannot be reached. Try again in a moment." });
  });

  test("a body, and none", () => {
    expect(outcome(201, headers({}), '{"id":"1"}')).toEqual({ kind: "done", value: { id: "1" } });
    expect(outcome(204, headers({}), "")).toEqual({ kind: "done", value: undefined });
  });
});

describe("what somebody wrote into notes", () => {
  test.each([
    ["", "verse", { at: 0, deleted: 0, inserted: "verse" }],
    ["verse", "verse 2", { at: 5, deleted: 0, inserted: " 2" }],
    ["verse 2", "verse", { at: 5, deleted: 2, inserted: "" }],
    ["a verse", "a long verse", { at: 2, deleted: 0, inserted: "long " }],
    ["aaa", "aa", { at: 2, deleted: 1, inserted: "" }],
    ["verse", "verse", undefined],
  ])("%j became %j: one place", (before, after, expected) => {
    expect(edit(before, after)).toEqual(expected);
  });
});

test.each([
  { uploaded_at: null, session: null, says: "Take: its file is on its way" },
  { uploaded_at: "2026", session: null, says: "Take: stored, without tempo and tracks" },
  { uploaded_at: "2026", session: { tempo: 93.25, tracks: [1, 2] }, says: "Take: 93.25 BPM, 2 tracks" },
  { uploaded_at: "2026", session: { tempo: null, tracks: [1] }, says: "Take: 1 track" },
])("a version says: $says", ({ says, ...known }) => {
  expect(told({ id: "1", message: "Take", ...known })).toBe(says);
});
