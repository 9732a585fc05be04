import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArchivingDatabase } from "../../../workloads/backup/testing/archiving-database.ts";
import { readVerify } from "../../../workloads/backup/verify.ts";
import { retentionArchive } from "../../api/backup-report.ts";
import { segmentName, segmentOf } from "../../api/wal-segments.ts";
import { archiveGaps } from "./archive-gaps.ts";

/* One database and its repository, for all of these in their order: each goes on where the one before it ended. */

let database: ArchivingDatabase;
beforeAll(async () => {
  database = await ArchivingDatabase.start();
});
afterAll(() => database?.stop());

const whole = { gaps: [], incomplete: [], withoutHistory: [] };
const names = () => {
  const held: string[] = [];
  for (const { first, last } of database.archive().ranges) {
    const { timeline, number } = segmentOf(first);
    for (let at = number; at <= segmentOf(last).number; at++) held.push(segmentName({ timeline, number: at }));
  }
  return held;
};
const labels = () => database.backups().map(({ label }) => label);

describe("what the real repository says is read as it is", () => {
  test("given full and differential backups, then each is listed with what it builds upon and its segments", () => {
    const full = database.backup("full");
    database.write(3);
    const diff = database.backup("diff");
    expect(full).toMatchObject({ type: "full", error: false });
    expect(full).not.toHaveProperty("prior");
    expect(diff).toMatchObject({ type: "diff", prior: full.label, error: false });
    expect(diff.walStart > full.walStop).toBe(true);
  });

  test("given its archive, then no segment is missing from the first backup on", () => {
    expect(archiveGaps(database.archive(), database.backups(), labels()[0])).toEqual(whole);
  });

  test("given a promotion, then the new timeline is followed by its history, and nothing is missing", () => {
    database.promote();
    database.write(2);
    const { histories, ranges } = database.archive();
    expect(histories).toMatchObject([{ timeline: 2, parents: [{ timeline: 1 }] }]);
    expect(ranges.map(({ first }) => segmentOf(first).timeline)).toContain(2);
    expect(archiveGaps(database.archive(), database.backups(), labels()[0])).toEqual(whole);
  });
});

describe("retention on the real repository", () => {
  test("given segments from before the kept full backup, then they go, but for those of older backups", () => {
    const [older, diff] = database.backups();
    const kept = database.backup("full");
    database.write(2);
    database.backup("full");
    const number = retentionArchive(database.backups(), kept.label);
    expect(number).toBe(2);
    const before = names();
    database.run(
      `pgbackrest --stanza=db expire --repo1-retention-archive-type=full --repo1-retention-archive=${number}`,
    );
    const after = names();
    const own = [older, diff].flatMap((backup) => (backup ? [backup.walStart, backup.walStop] : []));
    expect(after).toEqual(before.filter((name) => name >= kept.walStart || own.includes(name)));
    expect(after.length).toBeLessThan(before.length);
    expect(archiveGaps(database.archive(), database.backups(), kept.label)).toEqual(whole);
  });

  test("given the labels that may go, dependants first, then they go one by one, and again without an error", () => {
    const [older, diff, ...rest] = labels();
    for (const label of [diff, older, older]) database.run(`pgbackrest --stanza=db expire --set=${label}`);
    expect(labels()).toEqual(rest);
  });

  test("given a number beyond the full backups that are there, then no segment goes", () => {
    const before = names();
    database.run("pgbackrest --stanza=db expire --repo1-retention-archive-type=full --repo1-retention-archive=9");
    expect(names()).toEqual(before);
  });
});

test("given a segment that was deleted, then pgBackRest calls the repository well, and the gap is named", () => {
  const [first] = database.backups();
  database.write(4);
  const newest = segmentOf(names().at(-1) ?? "");
  const lost = segmentName({ ...newest, number: newest.number - 2 });
  database.lose(lost);
  database.run("pgbackrest --stanza=db check");
  const { gaps } = archiveGaps(database.archive(), database.backups(), first?.label);
  expect(gaps).toMatchObject([{ first: lost, last: lost, segments: 1, until: undefined }]);
  const behind = database.backup("full");
  expect(archiveGaps(database.archive(), database.backups(), first?.label).gaps).toMatchObject([
    { until: behind.finishedAt },
  ]);
});

test("given a flipped byte in a backup, then pgBackRest's info is content, and verify names the backup", () => {
  const verify = () => readVerify(database.run("pgbackrest --stanza=db verify --output=text --verbose"));
  expect(verify()).toEqual([]);
  const newest = database.backups().at(-1);
  database.run(`file=$(ls repository/backup/db/${newest?.label}/bundle/* | head -1)
byte=$(od -An -tu1 -j500000 -N1 "$file")
printf "\\x$(printf %x $((byte ^ 255)))" | dd of="$file" bs=1 seek=500000 conv=notrunc status=none`);
  expect(database.run("pgbackrest --stanza=db info")).toContain("status: ok");
  expect(verify()).toEqual([{ of: "backup", name: newest?.label, words: ["checksum invalid: 1"] }]);
});
