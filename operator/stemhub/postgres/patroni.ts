import { stringify } from "yaml";
import type { StemHub } from "../../api/stemhub.ts";
import { parseQuantity } from "../../runtime/quantity.ts";
import { childLabels } from "../metadata.ts";
import { childNames, serviceHost } from "../names.ts";

/** Labels that Patroni writes on its pods, and by which Services and the operator find the primary. */
export const patroniLabels = {
  scope: "stemhub.dev/database",
  role: "stemhub.dev/role",
  primary: "primary",
  replica: "replica",
} as const;

/** Where things are inside a database pod. One table, since the image, the volumes and Patroni must agree. */
export const databasePaths = {
  data: "/data",
  pgdata: "/data/pg",
  sockets: "/run/postgresql",
  tls: "/etc/stemhub/tls",
  patroni: "/etc/stemhub/patroni",
  credentials: "/etc/stemhub/credentials",
} as const;

/** Ports of a database pod; `backup` only where there are backups. */
export const databasePorts = { postgres: 5432, patroni: 8008, backup: 8432 } as const;

/**
 * How Patroni holds the cluster together: the part of its configuration that lives in its store and that all members
 * share. Units are seconds. ttl >= loop_wait + 2 * retry_timeout is Patroni's own law: a primary that cannot reach the
 * store must have stopped before its lock can pass to another. loop_wait is 3: a new cluster's quorum, and a lost
 * member's return to it, take two rounds.
 * Source: https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
 *
 * @param volumeSize what the smallest volume has now: one that is to grow is as small as it is until it has grown.
 */
export function dynamicConfiguration(
  { database, backup }: Pick<StemHub["spec"], "database" | "backup">,
  now: { readonly readOnly?: boolean; readonly volumeSize?: string | number } = {},
) {
  const { readOnly = false, volumeSize = database.storage.size } = now;
  const bounds = walBounds(volumeSize, backup !== undefined);
  const replicated = database.instances > 1;
  return {
    ttl: 20,
    loop_wait: 3,
    retry_timeout: 5,
    maximum_lag_on_failover: 1_048_576,
    primary_start_timeout: 30,
    check_timeline: true,
    // A primary that has lost the API server goes on while every member still answers it.
    failsafe_mode: replicated,
    synchronous_mode: replicated ? "quorum" : false,
    // strict: a write that no standby holds is not acknowledged, even when no standby is left.
    // As many standbys hold a commit as members may be lost at once: one of three, two of five.
    synchronous_node_count: Math.max(1, (database.instances - 1) / 2),
    synchronous_mode_strict: replicated && database.synchronous === "required",
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      parameters: {
        ...defaultParameters,
        ...bounds.byDefault,
        ...database.parameters,
        ...managedParameters,
        ...bounds.managed,
        ...(backup ? { archive_timeout: `${backup.archiveTimeoutSeconds}s` } : {}),
        // For sessions that do not say otherwise themselves: it stops what fills the disk, and nobody who means it.
        ...(readOnly ? { default_transaction_read_only: "on" } : {}),
      },
    },
  };
}

/**
 * How much of the smallest volume WAL may take. For a replica that is gone: a quarter, so that it never fills the primary's; one
 * that is gone for longer is rebuilt (rebuild.ts). Between checkpoints: another quarter, and never more than 2 GB;
 * PostgreSQL holds that for a wish and not for a bound, and a bulk load outgrows it by some.
 *
 * `archived`: what a replica keeps is also what it can still archive when it is promoted while the archive is away, and the
 * former primary's volume is lost (decision 0025). A quarter of the volume, and never more than 4 GB: eleven minutes at 6 MB/s
 * (measured: 1,200 small transactions a second), and at every promotion it is looked through.
 */
function walBounds(size: string | number, archived: boolean) {
  const bytes = parseQuantity(size);
  // The CRD lets nothing else through, and neither does the API server in a claim.
  if (bytes === undefined) throw new Error(`the size of a volume is no quantity: ${size}`);
  const megabytes = bytes / 1024 ** 2;
  const share = (part: number, most = Number.POSITIVE_INFINITY) => `${Math.floor(Math.min(megabytes / part, most))}MB`;
  return {
    byDefault: {
      max_wal_size: share(4, 2048),
      min_wal_size: share(8, 80),
      wal_keep_size: share(4, archived ? 4096 : 256),
    },
    managed: { max_slot_wal_keep_size: share(4) },
  };
}

/** What the spec may change. */
const defaultParameters = {
  max_connections: "200",
  log_lock_waits: "on",
  log_checkpoints: "off",
} as const;

/** What a promise stands on: the CRD refuses them (api/database.ts). */
const managedParameters = {
  max_wal_senders: 10,
  max_replication_slots: 10,
  // For the probes, so that they see who has taken all the others: a session that writes, one for facts, one that reads through
  // the Service, one through each proxy while that is in doubt, and one that is just being replaced.
  reserved_connections: 6,
  wal_level: "replica",
  hot_standby: "on",
  // Silence of a peer is found within seconds: a standby that waits a minute for a dead primary delays the quorum.
  wal_sender_timeout: "5s",
  wal_receiver_timeout: "5s",
  wal_receiver_status_interval: "1s",
  wal_retrieve_retry_interval: "250ms",
  password_encryption: "scram-sha-256",
  log_line_prefix: "%m [%p] %q%u@%d ",
} as const;

/** Patroni's configuration file. Holds no password: those come by environment from Secrets. */
export function patroniYaml(stemhub: StemHub): string {
  const { bootstrap, ...file } = memberConfiguration(stemhub);
  return stringify({ ...file, bootstrap: { dcs: dynamicConfiguration(stemhub.spec), ...bootstrap } });
}

/**
 * The file without what all members share: that is read from it at the very first start alone, and from Patroni's store
 * ever after. A change of this part is a restart.
 */
export function memberConfiguration(stemhub: StemHub) {
  const name = stemhub.metadata.name;
  const names = childNames(name);
  const tls = databasePaths.tls;
  return {
    scope: names.database,
    kubernetes: {
      use_endpoints: false,
      labels: childLabels(name, "database"),
      scope_label: patroniLabels.scope,
      role_label: patroniLabels.role,
      leader_label_value: patroniLabels.primary,
      follower_label_value: patroniLabels.replica,
      standby_leader_label_value: "standby-leader",
      cacert: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    },
    restapi: {
      listen: `0.0.0.0:${databasePorts.patroni}`,
      certfile: `${tls}/tls.crt`,
      keyfile: `${tls}/tls.key`,
      cafile: `${tls}/ca.crt`,
    },
    ctl: { cacert: `${tls}/ca.crt` },
    bootstrap: {
      initdb: [
        "data-checksums",
        { encoding: "UTF8" },
        { "locale-provider": "builtin" },
        { "builtin-locale": "C.UTF-8" },
      ],
      post_bootstrap: "/usr/local/lib/stemhub/create-roles",
    },
    postgresql: {
      listen: `0.0.0.0:${databasePorts.postgres}`,
      data_dir: databasePaths.pgdata,
      bin_dir: "/usr/lib/postgresql/17/bin",
      pgpass: "/tmp/pgpass",
      // A new replica must not wait minutes for the primary's next checkpoint.
      basebackup: [{ checkpoint: "fast" }],
      use_unix_socket: true,
      // Patroni asks its own server for its position before a promotion; over TCP it would ask "localhost", whom no
      // certificate names, and no replica could ever be promoted.
      use_unix_socket_repl: true,
      remove_data_directory_on_rewind_failure: true,
      authentication: {
        superuser: { username: "postgres", sslmode: "verify-full", sslrootcert: `${tls}/ca.crt` },
        replication: { username: "stemhub_replication", sslmode: "verify-full", sslrootcert: `${tls}/ca.crt` },
      },
      parameters: {
        unix_socket_directories: databasePaths.sockets,
        ssl: "on",
        ssl_cert_file: `${tls}/tls.crt`,
        ssl_key_file: `${tls}/tls.key`,
        ssl_ca_file: `${tls}/ca.crt`,
        ssl_min_protocol_version: "TLSv1.2",
        // In this file and not in the store: a member archives from the restart on that brings it what it archives with.
        ...(stemhub.spec.backup ? archiving : {}),
      },
      // Nothing but TLS from outside the pod; inside it, only Patroni.
      pg_hba: [
        "local all postgres peer",
        "local replication stemhub_replication scram-sha-256",
        "hostssl replication stemhub_replication all scram-sha-256",
        "hostssl all all all scram-sha-256",
      ],
    },
    log: { level: "INFO" },
  };
}

/** Not "always": two members would each send every segment, and the second finds it there. */
const archiving = { archive_mode: "on", archive_command: "/usr/local/lib/stemhub/archive-segment %p" } as const;

/** The address of a member, as its certificate names it. `$(POD_NAME)` is expanded by kubelet. */
export function memberHost(stemhub: StemHub, clusterDomain: string): string {
  const names = childNames(stemhub.metadata.name);
  return `$(POD_NAME).${serviceHost(names.databasePods, stemhub.metadata.namespace ?? "", clusterDomain)}`;
}
