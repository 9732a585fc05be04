import { describe, expect, test } from "vitest";
import { type AuthTroubleFacts, authEvents, authWarnings, type FetchState, keysEndMs } from "./trouble.ts";

const now = Date.parse("2026-01-15T12:00:00Z");
const hour = 3_600_000;
const keys = { url: "http://studio-auth/keys", logsCommand: "kubectl -n music logs deploy/studio-auth" };
const revocations = { url: "https://id.example/revoked" };
const failing: FetchState = { name: "Failing", sinceMs: now - 180_000, message: "the answer is 500" };
const fetched = (agoMs: number) => JSON.stringify({ fetched: new Date(now - agoMs).toISOString(), keys: [] });

const facts = (more: Partial<AuthTroubleFacts> = {}): AuthTroubleFacts => ({
  target: { namespace: "music", keys, revocations },
  states: { keys: failing, revocations: { name: "Good" } },
  published: { keys: fetched(5 * 60_000), revocations: fetched(60_000) },
  maxKeyAgeHours: 12,
  before: [],
  now,
  ...more,
});
const reasons = (more: Partial<AuthTroubleFacts>) => authWarnings(facts(more)).map(({ reason }) => reason);
const begun = authWarnings(facts());

describe("given keys that cannot be fetched for three minutes", () => {
  test("then it says since when, until when the last ones count, and the next step", () => {
    expect(begun).toEqual([
      {
        document: "keys",
        reason: "KeysNotFetched",
        source: keys.url,
        since: "2026-01-15T11:57:00Z",
        fetched: "2026-01-15T11:55:00.000Z",
        message:
          "The keys of http://studio-auth/keys cannot be fetched since 2026-01-15T11:57:00Z: the answer is 500. " +
          "Tokens are verified by those of 2026-01-15T11:55:00.000Z until 2026-01-15T23:55:00Z (auth.maxKeyAgeHours), " +
          "and then no more. See the component's log, and that it answers there with 200: " +
          "kubectl -n music logs deploy/studio-auth.",
      },
    ]);
  });

  test.each([
    ["when there were never any", { published: {} }, ["NoKeys"]],
    ["when the last ones are too old", { published: { keys: fetched(12 * hour + 1) } }, ["KeysTooOld"]],
    ["when they are so old to the millisecond", { published: { keys: fetched(12 * hour) } }, ["KeysNotFetched"]],
    [
      "when revocations fail too",
      { states: { keys: failing, revocations: failing } },
      ["KeysNotFetched", "RevocationsNotFetched"],
    ],
    ["when the spec names no keys any more", { target: undefined }, []],
  ])("%s: %j: %j", (_, more, expected) => expect(reasons(more)).toEqual(expected));
});

describe("given that this was told", () => {
  const later = { before: begun, now: now + hour };
  test.each([
    ["it goes on with another message", { states: { keys: { ...failing, message: "no answer" } } }],
    ["another operator leads, which knows nothing yet", { states: {} }],
  ])("when %s, then its words and its moment stay", (_, more) => {
    expect(authWarnings(facts({ ...later, ...more }))).toEqual(begun);
  });

  test("when the keys become too old, then it says so, and since when is kept", () => {
    const [warning] = authWarnings(facts({ ...later, now: now + 12 * hour }));
    expect(warning).toMatchObject({ reason: "KeysTooOld", since: begun[0]?.since });
    expect(keysEndMs(facts().published, 12)).toBe(now - 5 * 60_000 + 12 * hour);
  });

  test.each([
    ["they are fetched again", { states: { keys: { name: "Good" } as const } }],
    ["the spec names another source", { states: {}, target: { namespace: "music", keys: { url: "https://b/k" } } }],
  ])("when %s, then there is nothing to tell", (_, more) => {
    expect(reasons({ ...later, ...more })).toEqual([]);
  });
});

describe("events tell", () => {
  const tooOld = authWarnings(facts({ before: begun, now: now + 12 * hour }));
  test.each([
    ["that it begins", [], begun, ["Warning KeysNotFetched"]],
    ["nothing while it goes on", begun, begun, []],
    ["that keys are too old now", begun, tooOld, ["Warning KeysTooOld"]],
    ["that it has ended", tooOld, [], ["Normal AuthFetched"]],
  ])("%s", (_, before, after, expected) => {
    expect(authEvents(before, after).map(({ type, reason }) => `${type} ${reason}`)).toEqual(expected);
  });
});
