import { describe, expect, test } from "vitest";
import type { DatabaseWarning } from "../../api/stemhub.ts";
import { aTopology } from "../../testing/topology.ts";
import type { Transaction } from "./probe/facts.ts";
import type { Findings } from "./probe/findings.ts";
import { databaseWarnings, isReadOnly } from "./strain.ts";

const now = Date.parse("2026-03-01T10:00:00Z");
const quiet = { used: 10, most: 194 };

interface Given {
  readonly volumes?: Record<string, number>;
  readonly connections?: { used: number; most: number };
  readonly oldest?: Transaction;
  readonly before?: readonly DatabaseWarning[];
  readonly asked?: boolean;
}

function warnings({ volumes = {}, connections = quiet, oldest, before = [], asked = true }: Given): DatabaseWarning[] {
  const findings: Findings = {
    primary: "studio-db-0",
    writes: { state: "answered" },
    trouble: undefined,
    members: Object.fromEntries(
      Object.entries(volumes).map(([pod, volumeUsedPercent]) => [pod, { volumeUsedPercent, replayedBytes: undefined }]),
    ),
    database: { connections, oldestTransaction: oldest, oldestWalBytes: 0, standbys: ["studio-db-1"] },
    archive: undefined,
  };
  const facts = { topology: aTopology(), findings: asked ? findings : undefined, before };
  return databaseWarnings({ ...facts, longTransactionSeconds: 900, now });
}
const reasons = (given: Given) => warnings(given).map(({ reason, about }) => `${reason} ${about}`);
const former = (reason: DatabaseWarning["reason"], about = "studio-db-0"): DatabaseWarning => ({
  ...{ reason, about, since: "2026-03-01T09:00:00Z", message: "as it was" },
});

describe("a volume", () => {
  test.each<[string, number, DatabaseWarning["reason"] | undefined, string[]]>([
    ["of the primary below 80 % is none", 79.9, undefined, []],
    ["of the primary at 80 % is filling", 80, undefined, ["VolumeFilling studio-db-0"]],
    ["of the primary at 90 % is full", 90, undefined, ["VolumeFull studio-db-0"]],
    ["that was full stays so down to 85 %", 85, "VolumeFull", ["VolumeFull studio-db-0"]],
    ["that was full is filling below 85 %", 84.9, "VolumeFull", ["VolumeFilling studio-db-0"]],
    ["that was filling stays so down to 75 %", 75, "VolumeFilling", ["VolumeFilling studio-db-0"]],
    ["that was filling is well below 75 %", 74.9, "VolumeFilling", []],
    ["that was filling and goes up by a little is not full yet", 89.9, "VolumeFilling", ["VolumeFilling studio-db-0"]],
  ])("%s", (_, used, before, expected) => {
    const given = { volumes: { "studio-db-0": used }, before: before ? [former(before)] : [] };
    expect(reasons(given)).toEqual(expected);
  });

  test("of a replica that is full is told, and stops nobody's writes", () => {
    const given = warnings({ volumes: { "studio-db-0": 50, "studio-db-1": 97 } });
    expect(given.map(({ reason }) => reason)).toEqual(["VolumeFilling"]);
    expect(isReadOnly(given)).toBe(false);
  });

  test("of the primary that is full makes the database read-only", () => {
    expect(isReadOnly(warnings({ volumes: { "studio-db-0": 91 } }))).toBe(true);
  });

  test("of which nothing is known is what it was: a new leader lifts nothing that it has not seen", () => {
    expect(warnings({ asked: false, before: [former("VolumeFull")] })).toEqual([former("VolumeFull")]);
    expect(warnings({ volumes: { "studio-db-1": 10 }, before: [former("VolumeFull")] })).toEqual([
      former("VolumeFull"),
    ]);
  });
});

describe("connections", () => {
  test.each<[number, DatabaseWarning["reason"] | undefined, boolean]>([
    [89, undefined, false],
    [90, undefined, true],
    [80, "ConnectionsExhausted", true],
    [79, "ConnectionsExhausted", false],
  ])("%d of 100 taken, with %s before: %s", (used, before, told) => {
    const given = { connections: { used, most: 100 }, before: before ? [former(before)] : [] };
    expect(warnings(given).length > 0).toBe(told);
  });
});

describe("a transaction", () => {
  const oldest = { pid: 4711, user: "stemhub_app_1", application: "psql", state: "idle in transaction", seconds: 900 };
  test("that is open for long is told with its pid and age", () => {
    const [warning] = warnings({ oldest });
    expect(warning).toMatchObject({ reason: "LongTransaction", about: "pid 4711", since: "2026-03-01T09:45:00Z" });
    expect(warning?.message).toContain(
      "pid 4711 (stemhub_app_1, psql, idle in transaction) has been in one transaction for 900 s",
    );
  });
  test("that goes on keeps its words, so that nothing is written", () => {
    const before = warnings({ oldest });
    expect(warnings({ oldest: { ...oldest, seconds: 1_800 }, before })).toEqual(before);
  });
  test("that is short is none", () => {
    expect(warnings({ oldest: { ...oldest, seconds: 899 } })).toEqual([]);
  });
  test("of another session is another", () => {
    const before = warnings({ oldest });
    expect(warnings({ oldest: { ...oldest, pid: 4712 }, before })[0]?.about).toBe("pid 4712");
  });
});
