import { spawnSync } from "node:child_process";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unpackedImage } from "../../../e2e/cluster/images.ts";
import { silentProgress } from "../../../e2e/progress.ts";
import type { ArchiveContent, ReportedBackup } from "../../../operator/api/backup-report.ts";
import { archiveContent, readBackups, readHistory, readListing } from "../repository.ts";

/** The uid of the image. */
const uid = 999;
const deadlineMs = 60_000;

const pgBackRestConfiguration = `[global]
repo1-path=/data/repository
repo1-retention-full=9999999
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=test
repo1-bundle=y
log-level-file=off
log-level-console=warn
start-fast=y
[db]
pg1-path=/data/pg
pg1-socket-path=/data
`;

const postgresqlConfiguration = `
listen_addresses = ''
unix_socket_directories = '/data'
archive_mode = on
archive_command = 'pgbackrest --stanza=db archive-push %p'
fsync = off
`;

/**
 * A PostgreSQL that archives by pgBackRest, both out of the database's image, as processes on this machine: the image
 * is their root folder, and /data is this test's. The repository is encrypted and in a folder, where a test can take
 * files away.
 *
 * Assumes root, as the local cluster does.
 */
export class ArchivingDatabase {
  readonly #root: string;
  readonly #folder: string;

  private constructor(root: string, folder: string) {
    this.#root = root;
    this.#folder = folder;
  }

  static async start(): Promise<ArchivingDatabase> {
    if (process.getuid?.() !== 0) throw new Error("the image's PostgreSQL runs in a root folder of its own: be root");
    const root = await unpackedImage("postgres", silentProgress);
    const folder = await mkdtemp(join(tmpdir(), "archiving-database-"));
    await writeFile(join(folder, "pgbackrest.conf"), pgBackRestConfiguration);
    await writeFile(join(folder, "more.conf"), postgresqlConfiguration);
    await chown(folder, uid, uid);
    const database = new ArchivingDatabase(root, folder);
    database.run("mkdir repository; initdb -D pg --auth trust >init.log; cat more.conf >>pg/postgresql.conf");
    database.#begin();
    database.run("pgbackrest --stanza=db stanza-create");
    return database;
  }

  /** A script in the image, as its user. Errors: an Error with its words where it fails. */
  run(script: string): string {
    const mounts = ["dev", "proc"].map((name) => `mount --rbind /${name} ${this.#root}/${name}`);
    const enter = `exec chroot --userspec=${uid}:${uid} ${this.#root} bash -ec "$0"`;
    const inside = `export PGBACKREST_CONFIG=/data/pgbackrest.conf PGHOST=/data PGUSER=postgres
export PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin
cd /data
${script}`;
    const outside = [...mounts, `mount --bind ${this.#folder} ${this.#root}/data`, enter].join("\n");
    const done = spawnSync("unshare", ["--mount", "sh", "-ec", outside, inside], {
      encoding: "utf8",
      timeout: deadlineMs,
      maxBuffer: 2 ** 26,
    });
    if (done.status !== 0) throw new Error(`${script}\nended with ${done.status}: ${done.stderr}${done.stdout}`);
    return done.stdout;
  }

  /** Writes, and waits until what was written is in the archive. */
  write(segments = 1): void {
    const write = "psql -qc 'SELECT pg_logical_emit_message(true, $$test$$, $$a song$$)' -c 'SELECT pg_switch_wal()'";
    this.run(`for count in $(seq ${segments}); do ${write} postgres >/dev/null; done`);
    this.run(`waiting() { compgen -G 'pg/pg_wal/archive_status/*.ready' >/dev/null; }
for try in $(seq 300); do waiting || exit 0; sleep 0.1; done
echo "not archived: $(ls pg/pg_wal/archive_status)" >&2; exit 1`);
  }

  /** Makes one, and says what the repository now says of it. */
  backup(type: "full" | "diff"): ReportedBackup {
    this.run(`pgbackrest --stanza=db backup --type=${type}`);
    const newest = this.backups().at(-1);
    if (!newest) throw new Error("a backup was made and the repository knows of none");
    return newest;
  }

  backups(): readonly ReportedBackup[] {
    return readBackups(this.run("pgbackrest --stanza=db info --output=json"));
  }

  archive(): ArchiveContent {
    const listing = readListing(this.run("pgbackrest repo-ls --recurse --output=json archive/db"));
    const histories = listing.histories.map(({ timeline, path }) =>
      readHistory(timeline, this.run(`pgbackrest repo-get archive/db/${path}`)),
    );
    return archiveContent(listing, histories);
  }

  /** Takes a segment out of the repository, as nobody should. */
  lose(segment: string): void {
    this.run(`rm repository/archive/db/*/${segment.slice(0, 16)}/${segment}-*`);
  }

  /** Ends it, and begins a new timeline, as a promotion does. */
  promote(): void {
    this.#end();
    this.run("touch pg/standby.signal");
    this.#begin();
    this.run("psql -qc 'SELECT pg_promote()' -c CHECKPOINT postgres >/dev/null");
  }

  async stop(): Promise<void> {
    this.#end();
    await rm(this.#folder, { recursive: true });
  }

  #begin(): void {
    this.run("pg_ctl -D pg -w -l log start >/dev/null");
  }

  #end(): void {
    this.run("pg_ctl -D pg -w -m fast stop >/dev/null");
  }
}
