import type { BackupSpec } from "../../api/backup.ts";
import type { StemHub } from "../../api/stemhub.ts";
import { childNames, serviceHost } from "../names.ts";
import { databasePaths, databasePorts } from "../postgres/patroni.ts";

/** What pgBackRest calls the database in its repository: one a repository, so one word. */
export const stanza = "db";

/** Where things are in a container with pgBackRest. One table, since the configuration and the mounts must agree. */
export const backupPaths = {
  configuration: "/etc/pgbackrest",
  /** The authority of the repository's endpoint, where the spec names one. */
  repositoryAuthority: "/etc/pgbackrest/repository-ca.crt",
  /** ca.crt, tls.crt and tls.key: a server's or a client's. */
  tls: "/etc/pgbackrest/tls",
  /** Keys of the repository as files: bin/pgbackrest-with-keys reads them at each call. */
  keys: "/etc/stemhub/repository",
  /** What an archiver has sent and PostgreSQL does not know of yet. */
  spool: "/data/spool",
} as const;

/** The files of the ConfigMap NAME-backup. Nothing in them is secret. */
export interface PgBackRestFiles {
  /** Where the repository is: for all who read or write it, members and jobs. */
  readonly "common.conf": string;
  /** Of a container that archives: its own data and sockets. */
  readonly "member.conf": string;
  /** Of the TLS server beside it: whom it lets in. It needs no repository, and so no keys. */
  readonly "server.conf": string;
  /** Of a job: the members' servers, by which it reaches all of them. */
  readonly "job.conf": string;
}

/** The configurations of pgBackRest for a StemHub with backups. Source: https://pgbackrest.org/configuration.html */
export function pgBackRestFiles(stemhub: StemHub, backup: BackupSpec, clusterDomain: string): PgBackRestFiles {
  return {
    "common.conf": repository(stemhub, backup),
    "member.conf": text([
      ["global", memberSettings],
      [stanza, ownDatabase(1)],
    ]),
    "server.conf": text([["global", serverSettings(childNames(stemhub.metadata.name).backup)]]),
    "job.conf": text([
      ["global", jobSettings],
      [stanza, memberHosts(stemhub, clusterDomain)],
    ]),
  };
}

/** The folder of a StemHub in its bucket. */
export function repositoryPath({ metadata }: StemHub, { repository: { path } }: BackupSpec): string {
  return path ?? `/${metadata.namespace}/${metadata.name}`;
}

type Settings = Readonly<Record<string, string | number>>;

function repository(stemhub: StemHub, backup: BackupSpec): string {
  const { endpoint, bucket, region, caConfigMap } = backup.repository;
  const { hostname, port } = new URL(endpoint);
  const settings: Settings = {
    "repo1-type": "s3",
    "repo1-path": repositoryPath(stemhub, backup),
    "repo1-s3-bucket": bucket,
    "repo1-s3-endpoint": hostname,
    "repo1-storage-port": port === "" ? 443 : port,
    "repo1-s3-region": region,
    // A bucket as a host's name would need a certificate that names it.
    "repo1-s3-uri-style": "path",
    "repo1-storage-verify-tls": "y",
    ...(caConfigMap ? { "repo1-storage-ca-file": backupPaths.repositoryAuthority } : {}),
    // R2 wants all parts of an upload equally large, and pgBackRest lets them grow after 205. Of 16 MiB those are 3 GiB,
    // three times what PostgreSQL puts into one file.
    "repo1-storage-upload-chunk-size": "16MiB",
    "repo1-cipher-type": "aes-256-cbc",
    // Small files together in one object: a database has thousands.
    "repo1-bundle": "y",
    // What is kept is the operator's to say, backup by backup: pgBackRest's own count would know no months.
    "repo1-retention-full": 9_999_999,
    "compress-type": "zst",
    "process-max": 2,
    "log-level-console": "warn",
    "log-level-file": "off",
  };
  return text([["global", settings]]);
}

/**
 * archive-push-queue-max is not set: beyond it pgBackRest tells PostgreSQL that a segment is archived, and drops it. What
 * waits stays on the volume instead, whose guard makes the database read-only before it is full (postgres/strain.ts).
 */
const memberSettings: Settings = {
  "archive-async": "y",
  "spool-path": backupPaths.spool,
  // How long PostgreSQL waits for one segment before it is told to try again. The sending goes on meanwhile; a PostgreSQL
  // that is to end waits for it up to three times.
  "archive-timeout": 15,
  // The same failure in the same words, so that it is told once.
  "log-timestamp": "n",
};

function serverSettings(client: string): Settings {
  return {
    "tls-server-address": "*",
    "tls-server-port": databasePorts.backup,
    "tls-server-ca-file": `${backupPaths.tls}/ca.crt`,
    "tls-server-cert-file": `${backupPaths.tls}/tls.crt`,
    "tls-server-key-file": `${backupPaths.tls}/tls.key`,
    // One common name of this StemHub's authority, and one database.
    "tls-server-auth": `${client}=${stanza}`,
    "log-level-console": "info",
    "log-level-file": "off",
  };
}

const jobSettings: Settings = {
  // A backup that waits for the next checkpoint of its own accord waits for minutes.
  "start-fast": "y",
  // From a replica while there is one: the primary's disk is the app's.
  "backup-standby": "prefer",
};

function memberHosts(stemhub: StemHub, clusterDomain: string): Settings {
  const { name, namespace = "" } = stemhub.metadata;
  const names = childNames(name);
  const domain = serviceHost(names.databasePods, namespace, clusterDomain);
  const hosts = Array.from({ length: stemhub.spec.database.instances }, (_, ordinal): Settings => {
    const pg = `pg${ordinal + 1}`;
    return {
      [`${pg}-host`]: `${names.database}-${ordinal}.${domain}`,
      [`${pg}-host-type`]: "tls",
      [`${pg}-host-port`]: databasePorts.backup,
      [`${pg}-host-ca-file`]: `${backupPaths.tls}/ca.crt`,
      [`${pg}-host-cert-file`]: `${backupPaths.tls}/tls.crt`,
      [`${pg}-host-key-file`]: `${backupPaths.tls}/tls.key`,
      ...ownDatabase(ordinal + 1),
    };
  });
  return Object.assign({}, ...hosts);
}

/** A database as its own container sees it, which is how its server sees it too. */
function ownDatabase(index: number): Settings {
  return { [`pg${index}-path`]: databasePaths.pgdata, [`pg${index}-socket-path`]: databasePaths.sockets };
}

function text(sections: readonly (readonly [name: string, settings: Settings])[]): string {
  const lines = sections.map(([name, settings]) => [
    `[${name}]`,
    ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
  ]);
  return `${lines.flat().join("\n")}\n`;
}
