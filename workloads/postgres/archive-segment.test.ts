import { spawnSync } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/*
 * The script with PostgreSQL's files around it. Where it lies: pgBackRest and psql are scripts that write down what they were
 * asked and answer as the test says. With the real ones: e2e archive.
 */

/** A volume as in a member: data directory, spool; and beside it the programs and the container's /tmp. */
let root: string;
const at = (...path: string[]) => join(root, ...path);
const status = (name: string) => at("data/pg/pg_wal/archive_status", name);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "archive-segment-"));
  for (const folder of ["data/pg/pg_wal/archive_status", "bin", "tmp"]) await mkdir(at(folder), { recursive: true });
  await copyFile(join(import.meta.dirname, "bin/archive-segment"), at("bin/archive-segment"));
  await program("psql", `cat >>${at("told")}`);
  await pgBackRest("exit 0");
});

afterEach(() => rm(root, { recursive: true }));

async function program(name: string, body: string): Promise<void> {
  await writeFile(at("bin", name), `#!/bin/bash\n${body}\n`);
  await chmod(at("bin", name), 0o755);
}

/** What pgBackRest answers, from now on; its command is in $2, what it is to push in $3. */
async function pgBackRest(body: string): Promise<void> {
  await program("pgbackrest-with-keys", `echo "$2 $3" >>${at("asked")}\n${body}`);
}

function archive(path: string): { readonly code: number | null; readonly stderr: string } {
  const env = { ...process.env, PATH: `${at("bin")}:${process.env.PATH}`, TMPDIR: at("tmp"), LC_ALL: "C.UTF-8" };
  const run = spawnSync(at("bin/archive-segment"), [path], { cwd: at("data/pg"), env, encoding: "utf8" });
  return { code: run.status, stderr: run.stderr };
}

/** Lines that a program has written, since this was last asked. */
async function since(file: "asked" | "told"): Promise<string[]> {
  const lines = (await readFile(at(file), "utf8").catch(() => "")).split("\n").filter(Boolean);
  await rm(at(file), { force: true });
  return lines;
}

const segment = "000000010000000000000004";

describe("given a segment", () => {
  test("when it is sent, then the failure of former times is withdrawn, once", async () => {
    expect(archive(`pg_wal/${segment}`).code).toBe(0);
    expect(await since("asked")).toEqual([`archive-push pg_wal/${segment}`]);
    expect(await since("told")).toEqual(["COMMENT ON SCHEMA stemhub IS NULL"]);
    archive(`pg_wal/${segment}`);
    expect(await since("told")).toEqual([]);
  });

  test("when it cannot be sent, then PostgreSQL hears of it each time, and the operator once", async () => {
    await pgBackRest("echo 'ERROR: [039]: HTTP request failed with 403'; exit 39");
    expect([archive(`pg_wal/${segment}`).code, archive(`pg_wal/${segment}`).code]).toEqual([39, 39]);
    expect((await since("told")).join(" ")).toMatch(/^SELECT format\('COMMENT ON SCHEMA/);
    await pgBackRest("exit 0");
    expect(archive(`pg_wal/${segment}`).code).toBe(0);
    expect(await since("told")).toEqual(["COMMENT ON SCHEMA stemhub IS NULL"]);
  });

  test("when PostgreSQL takes no comment, then the next call tells", async () => {
    await program("psql", "exit 2");
    archive(`pg_wal/${segment}`);
    await program("psql", `cat >>${at("told")}`);
    archive(`pg_wal/${segment}`);
    expect(await since("told")).toEqual(["COMMENT ON SCHEMA stemhub IS NULL"]);
  });

  test("when the repository is new, then its stanza is made, however often it is locked, and the segment sent", async () => {
    await pgBackRest(`case $2 in
      stanza-create) [ -e ${at("tried")} ] || { touch ${at("tried")}; exit 50; }; touch ${at("made")} ;;
      *) [ -e ${at("made")} ] || { echo 'HINT: has a stanza-create been performed?'; exit 103; } ;;
    esac`);
    expect(archive(`pg_wal/${segment}`).code).toBe(0);
    const push = `archive-push pg_wal/${segment}`;
    expect(await since("asked")).toEqual([push, "stanza-create ", "stanza-create ", push]);
  });

  test("when the stanza cannot be made, then that is the failure that is told", async () => {
    await pgBackRest(`case $2 in
      stanza-create) echo 'ERROR: [028]: do not match the database'; exit 28 ;;
      *) echo 'HINT: has a stanza-create been performed?'; exit 103 ;;
    esac`);
    expect(archive(`pg_wal/${segment}`).code).toBe(28);
  });

  test("when PostgreSQL ends just after a failure, then nobody waits for another", async () => {
    await pgBackRest("exit 82");
    const state = (word: string) =>
      writeFile(at("data/pg/postmaster.pid"), `1\n/data/pg\n1\n5432\n/run\n*\n1 1\n${word}   \n`);
    await state("ready");
    expect([archive(`pg_wal/${segment}`).code, archive(`pg_wal/${segment}`).code]).toEqual([82, 82]);
    await state("stopping");
    expect(archive(`pg_wal/${segment}`).code).toBe(1);
  });

  test("when Patroni hands over a queue just after a failure, then it is not tried one by one", async () => {
    await pgBackRest("exit 82");
    const path = at("data/pg/pg_wal", segment);
    expect(archive(path).code).toBe(82);
    expect(archive(path).code).toBe(1);
    expect(await since("asked")).toHaveLength(1);
    const before = new Date(Date.now() - 120_000);
    await utimes(at("tmp/archive-failed"), before, before);
    expect(archive(path).code).toBe(82);
  });
});

describe("given a promoted replica, whose timeline 2 began within segment 6 of timeline 1", () => {
  const history = "pg_wal/00000002.history";
  const names = ["000000010000000000000004", "000000010000000000000005", "000000010000000000000006"];
  const marks = async () => (await readdir(at("data/pg/pg_wal/archive_status"))).sort();

  beforeEach(async () => {
    await writeFile(at("data/pg", history), "1\t0/6000148\tno recovery target specified\n");
    for (const name of [...names, "000000020000000000000006"]) {
      await writeFile(at("data/pg/pg_wal", name), "");
      await writeFile(status(`${name}.done`), "");
    }
    // Removed by PostgreSQL, just now.
    await writeFile(status("000000010000000000000003.done"), "");
  });

  test("when its history is archived, then what is whole of the former timeline waits again, and nothing else", async () => {
    expect(archive(history).code).toBe(0);
    expect(await marks()).toEqual([
      "000000010000000000000003.done",
      "000000010000000000000004.ready",
      "000000010000000000000005.ready",
      "000000010000000000000006.done",
      "000000020000000000000006.done",
    ]);
    expect(await since("asked")).toEqual([`archive-push ${history}`]);
  });

  test("when the history has to be tried again, then what was sent meanwhile is not sent once more", async () => {
    await pgBackRest("exit 82");
    expect(archive(history).code).toBe(82);
    await rename(status(`${names[0]}.ready`), status(`${names[0]}.done`));
    archive(history);
    expect(await marks()).toContain(`${names[0]}.done`);
  });

  test("when there is another promotion, then it waits once more", async () => {
    archive(history);
    for (const name of names.slice(0, 2)) await rename(status(`${name}.ready`), status(`${name}.done`));
    const next = "pg_wal/00000003.history";
    await writeFile(at("data/pg", next), "1\t0/6000148\tnone\n\n2\t0/7000000\tnone\n");
    archive(next);
    expect(await marks()).toEqual(expect.arrayContaining([`${names[0]}.ready`, "000000020000000000000006.ready"]));
  });

  test("when a segment of the former timeline is there with another content, then that stays, and archiving goes on", async () => {
    await pgBackRest("echo 'ERROR: [045]: already exists with a different checksum'; exit 45");
    expect(archive(`pg_wal/${names[0]}`).code).toBe(0);
    expect(archive("pg_wal/000000020000000000000006").code).toBe(45);
  });
});
