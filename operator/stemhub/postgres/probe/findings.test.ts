import { describe, expect, test } from "vitest";
import { anArchive } from "../../../testing/archive.ts";
import { type Findings, isWalRemoved, judgeWrites, newsOf, unansweredMs, type WriteEvidence } from "./findings.ts";

const evidence: WriteEvidence = {
  answeredAt: { monotonicMs: 0, wallMs: 1_000_000 },
  everAnswered: true,
  reachable: undefined,
  reads: true,
  refusal: undefined,
};

describe("given a primary that is asked, then its writes", () => {
  test.each<[string, Partial<WriteEvidence>, number, ReturnType<typeof judgeWrites>]>([
    ["are answered when one was just now", {}, unansweredMs - 1, { state: "answered" }],
    ["are unknown before the first", { everAnswered: false }, 100, { state: "unknown", why: undefined }],
    [
      "are unanswered after three in a row",
      { reachable: true },
      unansweredMs,
      { state: "unanswered", sinceMs: 1_000_000, reads: true },
    ],
    [
      "are unanswered also where none ever was",
      { everAnswered: false, reachable: true, reads: false },
      unansweredMs,
      { state: "unanswered", sinceMs: 1_000_000, reads: false },
    ],
    [
      "are unknown where nobody is reached: it may be the operator that is cut off",
      { reachable: false, reads: false },
      unansweredMs * 100,
      { state: "unknown", why: "its pod gives the operator no connection" },
    ],
    [
      "are unknown where the probe is not let in",
      { refusal: "no" },
      unansweredMs * 100,
      { state: "unknown", why: "no" },
    ],
  ])("%s", (_, more, nowMs, expected) => {
    expect(judgeWrites({ ...evidence, ...more }, nowMs)).toEqual(expected);
  });
});

describe("news", () => {
  const bounds = {
    volumePercents: [80, 90],
    connectionPercents: [90],
    transactionSeconds: 900,
    silenceMs: [],
    archiveLagSeconds: [120],
  };
  const transaction = { pid: 7, user: "u", application: "a", state: "active" };
  const volume = (volumeUsedPercent: number) => ({ volumeUsedPercent, replayedBytes: undefined });
  const archive = anArchive({ lagSeconds: 3 });
  const findings: Findings = {
    primary: "studio-db-0",
    writes: { state: "answered" },
    trouble: undefined,
    members: { "studio-db-0": volume(50) },
    database: {
      connections: { used: 10, most: 100 },
      oldestTransaction: undefined,
      oldestWalBytes: 0,
      standbys: ["studio-db-1"],
    },
    archive,
  };
  const database = findings.database ?? never();
  test.each<[string, Partial<Findings>, boolean]>([
    ["a volume that fills by a little", { members: { "studio-db-0": volume(51) } }, false],
    ["a volume that passes a bound", { members: { "studio-db-0": volume(80) } }, true],
    ["writes that are not answered", { writes: { state: "unanswered", sinceMs: 1, reads: true } }, true],
    ["connections that come and go", { database: { ...database, connections: { used: 50, most: 100 } } }, false],
    ["connections that run out", { database: { ...database, connections: { used: 90, most: 100 } } }, true],
    ["a short transaction", { database: { ...database, oldestTransaction: { ...transaction, seconds: 60 } } }, false],
    ["a long transaction", { database: { ...database, oldestTransaction: { ...transaction, seconds: 900 } } }, true],
    ["a standby that receives no WAL any more", { database: { ...database, standbys: [] } }, true],
    ["an archive that is seconds behind", { archive: { ...archive, lagSeconds: 29 } }, false],
    ["an archive that falls behind", { archive: { ...archive, lagSeconds: 120 } }, true],
    ["a segment that is not archived", { archive: { ...archive, failing: true } }, true],
  ])("%s: %s", (_, more, news) => {
    expect(newsOf({ ...findings, ...more }, bounds) !== newsOf(findings, bounds)).toBe(news);
  });
});

describe("WAL that a replica needs", () => {
  const needing = (replayedBytes: number | undefined, standbys: readonly string[] = []): Findings => ({
    primary: "studio-db-0",
    writes: { state: "answered" },
    trouble: undefined,
    members: { "studio-db-1": { volumeUsedPercent: 10, replayedBytes } },
    database: { connections: { used: 1, most: 9 }, oldestTransaction: undefined, oldestWalBytes: 1_000, standbys },
    archive: undefined,
  });
  test.each<[string, Findings, boolean]>([
    ["is removed when the primary has only what comes later", needing(999), true],
    ["is there when the primary has it", needing(1_000), false],
    ["is there for one that receives it", needing(999, ["studio-db-1"]), false],
    ["is there for one that has not said where it is", needing(undefined), false],
    ["is there while the primary has not said what it has", { ...needing(999), database: undefined }, false],
  ])("%s", (_, findings, removed) => {
    expect(isWalRemoved(findings, "studio-db-1")).toBe(removed);
  });
});

function never(): never {
  throw new Error("these findings have a database");
}
