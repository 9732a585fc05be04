import { describe, expect, test } from "vitest";
import { type DatabaseSigns, databaseEvidence } from "./database-evidence.ts";
import type { Answer } from "./evidence.ts";

const writes = { silentMs: 300, answeringForMs: 60_000, answered: true, begun: false, trouble: undefined } as const;
const read = (more: Partial<Answer> = {}, agoMs = 500): DatabaseSigns["lastRead"] => ({
  answer: { question: "reads", trouble: undefined, replica: false, ...more },
  agoMs,
});
const well: DatabaseSigns = {
  primary: true,
  candidate: true,
  switchover: false,
  writes,
  reads: { state: "ok", forMs: 60_000 },
  lastRead: read(),
};
const silent = (trouble: "silent" | "refused" | "unreachable" | "notLetIn", silentMs = 2_500) => ({
  writes: { ...writes, silentMs, trouble },
});
const noReads = { reads: { state: "failing", failures: 3, forMs: 3_000, detail: "no answer" } } as const;

describe("given a database, when", () => {
  test.each<[string, Partial<DatabaseSigns>, string, string]>([
    ["all is well", {}, "ok", "ok"],
    ["nobody has asked yet", { writes: undefined }, "unknown", "unknown"],
    ["its primary hangs", silent("silent"), "ok", "failing"],
    ["its primary refuses", silent("refused"), "ok", "failing"],
    ["there is no primary", { primary: false, ...silent("silent") }, "failing", "failing"],
    ["its primary is reached by nobody", { ...silent("unreachable"), ...noReads }, "ok", "failing"],
    [
      "its primary is not reached, and a replica answers reads",
      { ...silent("unreachable"), lastRead: read({ replica: true }) },
      "ok",
      "failing",
    ],
    ["its primary is not reached, and has answered a read since", silent("unreachable"), "ok", "ok"],
    [
      "its primary is not reached, and the last read was before",
      { ...silent("unreachable"), lastRead: read({}, 2_000) },
      "ok",
      "failing",
    ],
    ["the operator's login is refused", silent("notLetIn"), "ok", "unknown"],
    ["that lasts, and Patroni calls it well", silent("notLetIn", 31_000), "ok", "ok"],
  ])("%s, then that is what is known of primary and writes", (_, signs, primary, written) => {
    const evidence = databaseEvidence({ ...well, ...signs });
    expect([evidence.primary.state, evidence.writes.state]).toEqual([primary, written]);
  });

  test.each<[string, Partial<DatabaseSigns>, boolean]>([
    ["all is well", {}, false],
    ["a switchover was asked for", { switchover: true }, true],
    ["there is no primary, and a replica that can take over", { primary: false }, true],
    ["there is no primary, and nobody to take over", { primary: false, candidate: false }, false],
    [
      "a new primary has not been asked yet",
      { candidate: false, writes: { ...writes, answered: false, begun: true } },
      true,
    ],
    ["PostgreSQL starts again", silent("refused"), true],
    ["PostgreSQL starts again, and is alone", { candidate: false, ...silent("refused") }, false],
    ["the primary hangs", silent("silent"), false],
    ["the primary is not reached", silent("unreachable"), false],
  ])("%s, then its role is on its way or not", (_, signs, changing) => {
    expect(databaseEvidence({ ...well, ...signs }).changing).toBe(changing);
  });

  test.each<[string, Partial<DatabaseSigns>, boolean]>([
    [
      "neither primary nor proxies answer",
      { ...silent("unreachable"), ...noReads, lastRead: read({ silent: true }) },
      true,
    ],
    [
      "the proxies refuse",
      { ...silent("unreachable"), ...noReads, lastRead: read({ trouble: "ECONNREFUSED" }) },
      false,
    ],
    ["the primary is there", { ...silent("silent"), ...noReads, lastRead: read({ silent: true }) }, false],
  ])("%s, then the operator may be cut off or not", (_, signs, isolated) => {
    expect(databaseEvidence({ ...well, ...signs }).isolated).toBe(isolated);
  });
});
