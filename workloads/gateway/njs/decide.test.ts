import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { capabilityModes, databaseModes } from "../../../operator/api/mode-document.ts";
import { aModeDocument, type ModeSketch } from "../testing/mode.ts";
import { decide, isWrite, type Marks, type Verdict } from "./decide.ts";
import { problemOf } from "./problem.ts";
import { stateOf } from "./state.ts";

const plain: Marks = { writes: "Refuse", hasFallback: false };
const queued: Marks = { ...plain, writes: "Queue", queueBytes: 1024 };
const refused = (capability: string) => ({ outcome: "refuse", capability });
const [pass, queue, fallback] = [{ outcome: "pass" }, { outcome: "queue" }, { outcome: "fallback" }];

/** What routes of every kind do in every mode is tabled where it is enforced: gateway.nginx.test.ts. Here: the order. */
test.each<[string, ModeSketch, Marks, string, unknown]>([
  ["a queueable write waits", { database: "ReadOnly" }, { ...plain, writes: "Queue" }, "POST", queue],
  ["a queueable read passes", { database: "ReadOnly" }, { ...plain, writes: "Queue" }, "GET", pass],
  ["a queueable write waits for what cannot even be read", { database: "Unavailable" }, queued, "POST", queue],
  ["what cannot be read is not read", { database: "Unavailable" }, queued, "GET", refused("database")],
  ["a queueable write asks whether it is its turn", { database: "Draining" }, queued, "POST", queue],
  ["nobody else does", { database: "Draining" }, plain, "POST", pass],
  [
    "whose turn it is still needs storage",
    { database: "Draining", storage: "Degraded" },
    { ...queued, capability: "storage" },
    "PUT",
    refused("storage"),
  ],
  ["what the queue does not know may not overtake", { database: "Draining" }, queued, "LOCK", refused("database")],
  [
    "no fallback writes into a database that takes no write",
    { database: "ReadOnly", dawParsing: "Unavailable" },
    { writes: "Refuse", capability: "dawParsing", hasFallback: true },
    "POST",
    refused("database"),
  ],
  [
    "it reads from it all the same",
    { database: "ReadOnly", dawParsing: "Unavailable" },
    { writes: "Refuse", capability: "dawParsing", hasFallback: true },
    "GET",
    fallback,
  ],
  [
    "who is critical hears of the database before auth",
    { database: "ReadOnly", auth: "Unavailable" },
    { ...plain, writes: "Critical" },
    "POST",
    refused("database"),
  ],
  [
    "an upload is not queued when storage is what is missing",
    { storage: "Degraded" },
    { writes: "Queue", capability: "storage", hasFallback: false },
    "PUT",
    refused("storage"),
  ],
])("%s", (_, mode, marks, method, expected) => {
  expect(decide(aModeDocument(mode), marks, { method })).toEqual(expected);
});

test.each([
  ["fits", 1024, queue],
  ["does not fit", 1025, refused("database")],
  ["does not say its size, which the queue then sees", undefined, queue],
])("a write that %s", (_, bodyBytes, expected) => {
  const asked = bodyBytes === undefined ? { method: "POST" } : { method: "POST", bodyBytes };
  expect(decide(aModeDocument({ database: "ReadOnly" }), queued, asked)).toEqual(expected);
});

const sketches: fc.Arbitrary<ModeSketch> = fc.record({
  database: fc.constantFrom(...databaseModes),
  ...Object.fromEntries(
    (["storage", "collaboration", "dawParsing", "auth"] as const).map((name) => [
      name,
      fc.constantFrom(...capabilityModes),
    ]),
  ),
});
const marked: fc.Arbitrary<Marks> = fc
  .record({
    writes: fc.constantFrom("Refuse", "Queue", "Critical", "Pass"),
    capability: fc.constantFrom(undefined, "storage", "collaboration", "dawParsing", "auth"),
    hasFallback: fc.boolean(),
  })
  .map(({ capability, ...rest }) => (capability === undefined ? rest : { ...rest, capability }) as Marks);
const methods = fc.constantFrom("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "LOCK");

describe("whatever is down, however a route is marked", () => {
  const always = (law: (mode: ModeSketch, marks: Marks, method: string, verdict: Verdict) => void) =>
    fc.assert(
      fc.property(sketches, marked, methods, (mode, marks, method) =>
        law(mode, marks, method, decide(aModeDocument(mode), marks, { method })),
      ),
    );

  test("no write passes that the database would not take, unless it is marked Pass", () =>
    always(({ database }, { writes }, method, { outcome }) => {
      const taken = database === "Normal" || database === "Draining";
      if (!taken && writes !== "Pass" && isWrite(method)) expect(outcome).not.toMatch(/pass|fallback/);
    }));

  test("only writes of routes that say so are queued, and never while all goes its way", () =>
    always(({ database }, { writes }, method, { outcome }) => {
      if (outcome !== "queue") return;
      expect([writes, isWrite(method)]).toEqual(["Queue", true]);
      expect(database).not.toBe("Normal");
    }));

  test("no write of such a route overtakes one that waits", () =>
    always(({ database }, { writes }, method, { outcome }) => {
      if (writes === "Queue" && isWrite(method) && database !== "Normal") expect(outcome).not.toBe("pass");
    }));

  test("nobody is refused for a capability that is Normal", () =>
    always((mode, _marks, _method, verdict) => {
      if (verdict.outcome !== "refuse") return;
      const document = aModeDocument(mode);
      expect(document.capabilities[verdict.capability].mode).not.toBe("Normal");
      expect(problemOf(document, verdict.capability)).toMatchObject({
        detail: document.capabilities[verdict.capability].message,
        mode: document.capabilities[verdict.capability].mode,
      });
    }));

  test("with no mode known, everything passes", () =>
    fc.assert(
      fc.property(marked, methods, (marks, method) => {
        expect(decide(undefined, marks, { method })).toEqual(pass);
      }),
    ));

  test("the line that requests read begins with Normal exactly when every capability is: then nobody asks further", () =>
    fc.assert(
      fc.property(sketches, marked, methods, (mode, marks, method) => {
        const line = stateOf(aModeDocument(mode));
        expect(line.startsWith("Normal ")).toBe(Object.values(mode).every((each) => each === "Normal"));
        if (line.startsWith("Normal ")) expect(decide(aModeDocument(mode), marks, { method })).toEqual(pass);
      }),
    ));
});

test("a problem that the mode does not know of yet says that writes are paused", () => {
  expect(problemOf(undefined, "database", "it is safe")).toMatchObject({
    mode: "ReadOnly",
    epoch: 0,
    detail: expect.stringContaining("safe"),
  });
  expect(problemOf(aModeDocument({ epoch: 4 }), "database")).toMatchObject({ mode: "ReadOnly", epoch: 4 });
});
