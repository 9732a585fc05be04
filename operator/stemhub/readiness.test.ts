import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Verdict } from "./conditions.ts";
import { type ReadinessFacts, readiness } from "./readiness.ts";

const verdict = (status: Verdict["status"], reason: string): Verdict => ({
  type: "T",
  status,
  reason,
  message: `${reason}.`,
});
const healthy: ReadinessFacts = {
  databaseAvailable: verdict("True", "PrimaryReady"),
  databaseRedundant: verdict("True", "AllInSync"),
  appAvailable: verdict("True", "AllReady"),
  releaseProgressing: verdict("False", "RolledOut"),
  databaseChange: undefined,
  releaseFailed: false,
  failure: undefined,
  starting: false,
};

/** kstatus' rules for a custom resource. Source: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus */
function kstatus(verdicts: readonly Verdict[]): "Current" | "InProgress" | "Failed" {
  const is = (type: string) => verdicts.find((v) => v.type === type)?.status;
  if (is("Reconciling") === "True") return "InProgress";
  if (is("Stalled") === "True") return "Failed";
  return is("Ready") === "True" ? "Current" : "InProgress";
}

describe("given what a pass found, then Ready, its reason and kstatus", () => {
  test.each<[string, Partial<ReadinessFacts>, string, string, string]>([
    ["all is well", {}, "True", "AllAvailable", "Current"],
    [
      "all is well but for the gateway, which lets nothing through yet",
      { starting: true },
      "False",
      "Starting",
      "InProgress",
    ],
    [
      "one instance, which cannot be redundant",
      { databaseRedundant: verdict("False", "SingleInstance") },
      "True",
      "AllAvailable",
      "Current",
    ],
    [
      "a database that lost a member",
      { databaseRedundant: verdict("False", "MembersMissing") },
      "True",
      "AllAvailable",
      "Current",
    ],
    [
      "a database that was never whole",
      { databaseRedundant: verdict("False", "Forming") },
      "False",
      "Forming",
      "InProgress",
    ],
    ["no primary", { databaseAvailable: verdict("False", "NoPrimary") }, "False", "NoPrimary", "InProgress"],
    ["no app", { appAvailable: verdict("False", "CrashLoop") }, "False", "CrashLoop", "InProgress"],
    [
      "no primary and no app: the cause is told",
      { databaseAvailable: verdict("False", "NoPrimary"), appAvailable: verdict("False", "CrashLoop") },
      "False",
      "NoPrimary",
      "InProgress",
    ],
    [
      "a change of the database on its way",
      { databaseChange: { reason: "MembersRestarting", message: "m" } },
      "Unknown",
      "MembersRestarting",
      "InProgress",
    ],
    [
      "a release on its way",
      { releaseProgressing: verdict("True", "RollingOut") },
      "Unknown",
      "RollingOut",
      "InProgress",
    ],
    [
      "a failed migration, with the former release serving",
      { releaseProgressing: verdict("False", "MigrationFailed"), releaseFailed: true },
      "False",
      "MigrationFailed",
      "Failed",
    ],
    [
      "an API server that is away",
      { failure: { kind: "retrying", reason: "ApiUnavailable", message: "m" } },
      "Unknown",
      "ApiUnavailable",
      "InProgress",
    ],
    [
      "a namespace without rights",
      {
        failure: { kind: "stalled", reason: "NamespaceNotBound", message: "m" },
        databaseAvailable: verdict("Unknown", "NotObserved"),
      },
      "False",
      "NamespaceNotBound",
      "Failed",
    ],
  ])("%s", (_, facts, status, reason, state) => {
    const verdicts = readiness({ ...healthy, ...facts });
    expect(verdicts[0]).toMatchObject({ type: "Ready", status, reason });
    expect(kstatus(verdicts)).toBe(state);
  });
});

test("whatever was found, Ready True stands alone, and Reconciling and Stalled never stand together", () => {
  const any = fc.record({
    databaseAvailable: fc.constantFrom(verdict("True", "PrimaryReady"), verdict("False", "NoPrimary")),
    databaseRedundant: fc.constantFrom(
      verdict("True", "AllInSync"),
      verdict("False", "Forming"),
      verdict("False", "MembersMissing"),
    ),
    appAvailable: fc.constantFrom(verdict("True", "AllReady"), verdict("False", "CrashLoop")),
    releaseProgressing: fc.constantFrom(verdict("True", "RollingOut"), verdict("False", "RolledOut")),
    databaseChange: fc.constantFrom(undefined, { reason: "MembersRestarting", message: "m" }),
    releaseFailed: fc.boolean(),
    starting: fc.boolean(),
    failure: fc.constantFrom(
      undefined,
      { kind: "stalled", reason: "S", message: "m" } as const,
      { kind: "retrying", reason: "R", message: "m" } as const,
    ),
  });
  fc.assert(
    fc.property(any, (facts) => {
      const types = readiness(facts).map((v) => v.type);
      const ready = readiness(facts)[0]?.status === "True";
      expect(types).toHaveLength(ready ? 1 : 2);
      expect(types[0]).toBe("Ready");
    }),
  );
});
