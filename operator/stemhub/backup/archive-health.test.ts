import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import type { ArchiveStatus } from "../../api/backup-status.ts";
import { anArchive } from "../../testing/archive.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import type { ArchiveFacts } from "../postgres/probe/archive.ts";
import { archiveHealth } from "./archive-health.ts";
import { createBackupMetrics } from "./metrics.ts";
import { backupsRecoverable } from "./recoverable.ts";

const now = Date.parse("2026-03-01T10:00:00Z");
const repository = {
  endpoint: "https://s3.example",
  bucket: "kept",
  credentialsSecret: { name: "s3" },
  caConfigMap: { name: "s3-ca" },
};
const stemhub = aStemHub({ backup: { repository } });

function health(archive: ArchiveFacts | undefined, before?: ArchiveStatus, of = stemhub): ArchiveStatus | undefined {
  const { backup } = of.spec;
  if (!backup) throw new Error("no backup");
  return archiveHealth({ stemhub: of, backup, archive, before, now });
}
const former = (state: ArchiveStatus["state"]): ArchiveStatus => ({
  ...{ state, since: "2026-03-01T09:00:00Z", message: "as it was" },
});
const never = { lastSegment: undefined, lagSeconds: 3 };

describe("given an archive timeout of 30 s, then the archive is", () => {
  test.each<[string, Partial<ArchiveFacts>, ArchiveStatus["state"] | undefined, ArchiveStatus["state"]]>([
    ["Starting before the restart that brings it", { on: false, lagSeconds: 900 }, undefined, "Starting"],
    ["Starting before its first segment", never, undefined, "Starting"],
    ["Archiving while a segment waits for the timeout", { lagSeconds: 44 }, "Archiving", "Archiving"],
    ["Archiving while one upload is tried again", { failing: true, lagSeconds: 44 }, "Archiving", "Archiving"],
    ["Failing at once where it never worked", { ...never, failing: true }, "Starting", "Failing"],
    ["Failing when the last attempts failed", { failing: true, lagSeconds: 45 }, "Archiving", "Failing"],
    ["Behind when it is a minute late", { lagSeconds: 90 }, "Archiving", "Behind"],
    ["Behind while it catches up after a failure", { lagSeconds: 600 }, "Failing", "Behind"],
    ["Behind until it has nearly caught up", { lagSeconds: 46 }, "Behind", "Behind"],
    ["Archiving when it has caught up", { lagSeconds: 12 }, "Behind", "Archiving"],
  ])("%s", (_, archive, before, state) => {
    expect(health(anArchive(archive), before && former(before))?.state).toBe(state);
  });

  test("what it was while nobody has said anything", () => {
    expect(health(undefined, former("Failing"))).toEqual(former("Failing"));
  });
});

test("given an archive that stays behind, then its words and its time stay, so that a status is not written for each second", () => {
  const before = health(anArchive({ lagSeconds: 100 }));
  expect(health(anArchive({ lagSeconds: 200 }), before)).toBe(before);
});

test("given an archive that fails for another reason, then the words are others, and the time stays", () => {
  const failing = (words: string) => anArchive({ failing: true, lagSeconds: 99, report: { code: "39", words } });
  const before = { ...(health(failing("NoSuchBucket")) as ArchiveStatus), since: "2026-03-01T09:00:00Z" };
  const after = health(failing("AccessDenied"), before);
  expect([after?.since, after?.message === before.message]).toEqual([before.since, false]);
});

describe("given what pgBackRest says, then the sentence names the field and the next step", () => {
  test.each([
    ["the repository's Secrets have no key accessKeyId", "Secret s3 has no keys"],
    ["the repository's Secrets have no key passphrase", "Restore it from where you keep a copy"],
    [
      "HTTP request failed with 404 (Not Found): <Code>NoSuchBucket</Code>",
      "There is no bucket kept at https://s3.example",
    ],
    ["HTTP request failed with 403 (Forbidden): <Code>SignatureDoesNotMatch</Code>", "refuses the keys of Secret s3"],
    ["unable to verify certificate presented by 's3:443'", "into key ca.crt of ConfigMap s3-ca"],
    ["backup and archive info files exist but do not match the database", "/music/studio holds the backups of another"],
    [
      "[ArchiveMismatchError] PostgreSQL version 17, system-id 1 do not match repo1 stanza version 17, system-id 2",
      "Name another spec.backup.repository.path",
    ],
    ["unable to load info file: CryptoError: cipher header invalid", "was encrypted with another passphrase"],
    ["unable to connect to 's3:443': [111] Connection refused", "https://s3.example is not reached"],
    ["unable to push WAL file '00': archive command timed out", "https://s3.example is not reached"],
    ["something that nobody has seen", "pgBackRest ended with 99: something that nobody has seen"],
  ])("%s", (words, says) => {
    const status = health(anArchive({ failing: true, lagSeconds: 99, report: { code: "99", words } }));
    expect(status?.message).toContain(says);
    expect(status?.message).toContain("Nothing is lost");
  });
});

describe("given backups, then BackupsRecoverable is", () => {
  test.each<[string, ArchiveStatus["state"] | undefined, string, string]>([
    ["Unknown before the primary was asked", undefined, "Unknown", "NotAsked"],
    ["Unknown before the first segment", "Starting", "Unknown", "ArchiveStarting"],
    ["False while nothing arrives", "Failing", "False", "ArchiveFailing"],
    ["False while the archive is late", "Behind", "False", "ArchiveBehind"],
    ["Unknown while nobody knows of a backup to begin from", "Archiving", "Unknown", "BackupsUnknown"],
  ])("%s", (_, state, status, reason) => {
    expect(backupsRecoverable({ archive: state && former(state) })).toMatchObject({ status, reason });
  });
});

test("given archives that are followed, then each scrape has what they say then, and nothing of those that are gone", async () => {
  const registry = new Registry();
  const metrics = createBackupMetrics(registry);
  let archive: ArchiveFacts | undefined = anArchive({ lagSeconds: 7, waiting: { segments: 2, oldest: "0" } });
  metrics.follow({ namespace: "music", name: "studio" }, () => archive);
  expect(await registry.metrics()).toContain('stemhub_archive_lag_seconds{namespace="music",stemhub="studio"} 7');
  archive = anArchive({ lagSeconds: 9, failing: true });
  expect(await registry.metrics()).toContain('stemhub_archive_failing{namespace="music",stemhub="studio"} 1');
  archive = undefined;
  expect(await registry.metrics()).not.toContain("studio");
  archive = anArchive();
  metrics.forget({ namespace: "music", name: "studio" });
  expect(await registry.metrics()).not.toContain("studio");
});
