import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../runtime/objects.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { migrationHash, migrationJob } from "./job.ts";
import { lastLine, logTail } from "./log-tail.ts";
import { decideRollout, jobsToPrune, mayRollOut, type Rollout, releaseProgressing, releaseStatus } from "./rollout.ts";

const images = { api: "api:1" };
const withMigration = (migrate: object = { tool: "prisma" }, version = "1.0.0") =>
  aStemHub({ release: { version, images, migrate } });
const stemhub = withMigration();
const hash = migrationHash(stemhub) ?? "";
const job = (type?: string): KubeObject => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: `studio-migrate-${hash}` },
  status: { conditions: type ? [{ type, status: "True", reason: "BackoffLimitExceeded", message: "it failed" }] : [] },
});
const facts = (more: Partial<Parameters<typeof decideRollout>[0]> = {}) => ({
  stemhub,
  databaseAvailable: true,
  ledger: {},
  jobs: [],
  pods: [],
  ...more,
});

describe("given what is there, then the rollout stands at", () => {
  test.each<[string, Partial<Parameters<typeof decideRollout>[0]>, Rollout["step"], boolean]>([
    ["no migration in the release", { stemhub: aStemHub() }, "NoMigration", true],
    ["a database that is not there yet", { databaseAvailable: false }, "WaitingForDatabase", false],
    ["a database, and no Job", {}, "CreateJob", false],
    ["a Job at work", { jobs: [job()] }, "Running", false],
    [
      "a Job at work, with the database away: its own deadline judges",
      { jobs: [job()], databaseAvailable: false },
      "Running",
      false,
    ],
    ["a Job that succeeded", { jobs: [job("Complete")] }, "Migrated", true],
    ["a Job that failed", { jobs: [job("Failed")] }, "Failed", false],
    ["a ledger that knows it, the Job deleted by hand", { ledger: { [hash]: "1.0.0" } }, "Migrated", true],
    ["the ledger of another migration", { ledger: { other: "0.9.0" } }, "CreateJob", false],
  ])("%s", (_, more, step, may) => {
    const rollout = decideRollout(facts(more));
    expect(rollout.step).toBe(step);
    expect(mayRollOut(rollout)).toBe(may);
  });
});

describe("one hash, one run: the hash", () => {
  test.each<[string, ReturnType<typeof aStemHub>, boolean]>([
    ["is the same for the same release", withMigration(), true],
    [
      "is the same when something else of the spec changes",
      aStemHub({ release: { version: "1.0.0", images, migrate: { tool: "prisma" } }, database: { instances: 1 } }),
      true,
    ],
    ["changes with the version", withMigration({ tool: "prisma" }, "1.1.0"), false],
    ["changes with the command", withMigration({ tool: "prisma", command: ["other"] }), false],
    [
      "changes with the image",
      aStemHub({ release: { version: "1.0.0", images: { api: "api:2" }, migrate: { tool: "prisma" } } }),
      false,
    ],
  ])("%s", (_, other, same) => {
    expect(migrationHash(other) === hash).toBe(same);
  });
});

describe("the Job", () => {
  const container = (migrate: object) => {
    const given = withMigration(migrate);
    const made = migrationJob(
      { stemhub: given, postgresImage: "postgres:1", clusterDomain: "cluster.local" },
      "abc",
      given.spec.release.migrate ?? neverWithout(),
    );
    const spec = made.spec as {
      backoffLimit: number;
      activeDeadlineSeconds: number;
      template: { spec: { containers: Record<string, unknown>[]; initContainers: Record<string, unknown>[] } };
    };
    return { spec, container: spec.template.spec.containers[0] ?? {} };
  };
  const neverWithout = () => {
    throw new Error("these releases migrate");
  };

  test("is tried once and has a deadline", () => {
    expect(container({ tool: "prisma", timeoutSeconds: 120 }).spec).toMatchObject({
      backoffLimit: 0,
      activeDeadlineSeconds: 120,
    });
  });
  test("begins when the primary answers: a connection that is refused would fail it for good", () => {
    const [wait] = container({ tool: "prisma" }).spec.template.spec.initContainers;
    expect(wait).toMatchObject({
      image: "postgres:1",
      command: [expect.stringMatching(/wait-for-database$/), "studio-db-rw.music.svc.cluster.local"],
    });
  });
  test("of prisma runs the api's image as migrator, on the strict primary", () => {
    const { container: made } = container({ tool: "prisma" });
    expect(made).toMatchObject({ image: "api:1", workingDir: "/app/prisma" });
    expect(JSON.stringify(made.env)).toMatch(/studio-db-migrator.*DATABASE_URL.*studio-db-rw/);
  });
  test("of alembic goes to head", () => {
    expect(container({ tool: "alembic" }).container).toMatchObject({
      command: ["alembic", "upgrade", "head"],
      workingDir: "/app",
    });
  });
  test("of a command runs it as it is, in the image's own directory", () => {
    const { container: made } = container({ tool: "command", command: ["./migrate"], image: "m:1" });
    expect(made).toMatchObject({ command: ["./migrate"], image: "m:1" });
    expect(made.workingDir).toBeUndefined();
  });
  test("of sql runs the files by the operator's own image", () => {
    const { container: made } = container({ tool: "sql", sql: { configMap: "m" } });
    expect(made).toMatchObject({
      image: "postgres:1",
      command: ["/usr/local/lib/stemhub/run-sql", "/migrations", "1.0.0"],
    });
  });
});

describe("ReleaseProgressing", () => {
  const arrived = { names: [], trouble: undefined };
  test.each<[string, Rollout | undefined, string[], string, string]>([
    ["not looked at", undefined, [], "Unknown", "NotObserved"],
    ["a migration at work", { step: "Running", hash, trouble: undefined }, [], "True", "MigrationRunning"],
    ["a failed migration", { step: "Failed", hash, message: "m" }, [], "False", "MigrationFailed"],
    ["Deployments under way", { step: "Migrated", hash }, ["studio-api"], "True", "RollingOut"],
    ["all arrived", { step: "Migrated", hash }, [], "False", "RolledOut"],
  ])("given %s", (_, rollout, names, status, reason) => {
    const verdict = releaseProgressing({
      stemhub,
      rollout,
      underWay: { names, trouble: undefined },
      lastLogLine: undefined,
    });
    expect(verdict).toMatchObject({ status, reason });
  });

  test("then status.release names the former version until the new one runs", () => {
    const former = { ...stemhub, status: { release: { version: "0.9.0" } } };
    const status = (rollout: Rollout) =>
      releaseStatus({ stemhub: former, rollout, underWay: arrived, lastLogLine: undefined }, undefined);
    expect(status({ step: "Failed", hash, message: "m" }).version).toBe("0.9.0");
    expect(status({ step: "Migrated", hash }).version).toBe("1.0.0");
  });
});

test("the newest three Jobs of former releases are kept, and the present one's always", () => {
  const old = (n: number): KubeObject => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `old-${n}`, creationTimestamp: `2026-01-0${n}T00:00:00Z` },
  });
  expect(jobsToPrune(stemhub, [job("Complete"), old(1), old(5), old(2), old(4), old(3)])).toEqual(["old-2", "old-1"]);
});

describe("a log's tail", () => {
  test("has the last twenty lines and at most 2 KiB", () => {
    expect(logTail(Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n")).split("\n")).toHaveLength(20);
    expect(Buffer.byteLength(logTail("x".repeat(10_000)))).toBe(2048);
  });
  test.each([
    ["could not connect to postgresql://me:s3cret@host/db", "could not connect to postgresql://me:***@host/db"],
    ["connection failed: host=x password=s3cret dbname=y", "connection failed: host=x password=*** dbname=y"],
    ["\u001b[31mError\u001b[0m: broken", "Error: broken"],
  ])("says no password and no colours: %j", (line, said) => {
    expect(logTail(line)).toBe(said);
  });
  test("has a last line that says something", () => {
    expect(lastLine("a\nb\n  \n")).toBe("b");
    expect(lastLine(undefined)).toBeUndefined();
  });
});
