import { describe, expect, test } from "vitest";
import { aStemHub } from "../../testing/stemhub.ts";
import { desiredBackup } from "./desired.ts";
import { pgBackRestFiles } from "./pgbackrest.ts";

const repository = {
  endpoint: "https://s3.example:7443",
  bucket: "kept",
  credentialsSecret: { name: "s3" },
  caConfigMap: { name: "s3-ca" },
};

function files(more: object = {}, database: object = {}) {
  const stemhub = aStemHub({ database, backup: { repository: { ...repository, ...more } } });
  if (!stemhub.spec.backup) throw new Error("no backup");
  return pgBackRestFiles(stemhub, stemhub.spec.backup, "cluster.local");
}

describe("given a StemHub with backups, then pgBackRest is told", () => {
  test("where the repository is, in words that R2 takes", () => {
    expect(files()["common.conf"]).toBe(`[global]
repo1-type=s3
repo1-path=/music/studio
repo1-s3-bucket=kept
repo1-s3-endpoint=s3.example
repo1-storage-port=7443
repo1-s3-region=auto
repo1-s3-uri-style=path
repo1-storage-verify-tls=y
repo1-storage-ca-file=/etc/pgbackrest/repository-ca.crt
repo1-storage-upload-chunk-size=16MiB
repo1-cipher-type=aes-256-cbc
repo1-bundle=y
repo1-retention-full=9999999
compress-type=zst
process-max=2
log-level-console=warn
log-level-file=off
`);
  });

  test("in a member, to send its WAL, and to drop none of it", () => {
    expect(files()["member.conf"]).toBe(`[global]
archive-async=y
spool-path=/data/spool
archive-timeout=15
log-timestamp=n
[db]
pg1-path=/data/pg
pg1-socket-path=/run/postgresql
`);
  });

  test("in a member's server, to let in the jobs of this StemHub alone", () => {
    expect(files()["server.conf"]).toBe(`[global]
tls-server-address=*
tls-server-port=8432
tls-server-ca-file=/etc/pgbackrest/tls/ca.crt
tls-server-cert-file=/etc/pgbackrest/tls/tls.crt
tls-server-key-file=/etc/pgbackrest/tls/tls.key
tls-server-auth=studio-backup=db
log-level-console=info
log-level-file=off
`);
  });

  test("in a job, where each member's server is", () => {
    const host = (ordinal: number) => `pg${ordinal + 1}-host=studio-db-${ordinal}.studio-db-pods.music.svc.cluster.local
pg${ordinal + 1}-host-type=tls
pg${ordinal + 1}-host-port=8432
pg${ordinal + 1}-host-ca-file=/etc/pgbackrest/tls/ca.crt
pg${ordinal + 1}-host-cert-file=/etc/pgbackrest/tls/tls.crt
pg${ordinal + 1}-host-key-file=/etc/pgbackrest/tls/tls.key
pg${ordinal + 1}-path=/data/pg
pg${ordinal + 1}-socket-path=/run/postgresql
`;
    const head = "[global]\nstart-fast=y\nbackup-standby=prefer\n[db]\n";
    expect(files()["job.conf"]).toBe(`${head}${host(0)}${host(1)}${host(2)}`);
    expect(files({}, { instances: 1 })["job.conf"]).toBe(`${head}${host(0)}`);
  });
});

test.each([
  ["a folder of its own", { path: "/elsewhere" }, "repo1-path=/elsewhere"],
  [
    "no port",
    { endpoint: "https://account.r2.example/" },
    "repo1-s3-endpoint=account.r2.example\nrepo1-storage-port=443",
  ],
])("given a repository with %s, then it is there", (_, more, line) => {
  expect(files(more)["common.conf"]).toContain(`\n${line}\n`);
});

test("given an endpoint of a public authority, then the image's own list of these is used", () => {
  expect(files({ caConfigMap: undefined })["common.conf"]).not.toContain("ca-file");
});

test("no file of it holds a key", () => {
  expect(JSON.stringify(files())).not.toMatch(/s3-key|cipher-pass/);
});

test("given a StemHub without backups, then there is nothing of them", () => {
  expect(desiredBackup(aStemHub(), "cluster.local")).toEqual([]);
});
