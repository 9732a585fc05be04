import { z } from "zod";
import { type CelRule, field, objectName } from "./primitives.ts";
import { bytes, resources } from "./quantities.ts";

/** Parameters that a replica must have at least as high as its primary, and what they are when the spec is silent. */
const raisedOnly = [
  { name: "max_connections", byDefault: 200 },
  { name: "max_locks_per_transaction", byDefault: 64 },
  { name: "max_prepared_transactions", byDefault: 0 },
  { name: "max_worker_processes", byDefault: 8 },
] as const;

/**
 * Replicas restart first, and one with less than its primary would not start.
 * Source: https://www.postgresql.org/docs/17/hot-standby.html#HOT-STANDBY-ADMIN
 */
function neverLowered({ name, byDefault }: (typeof raisedOnly)[number]): CelRule {
  const value = (self: string) => {
    const parameter = `${self}.parameters['${name}']`;
    return `(has(${self}.parameters) && '${name}' in ${self}.parameters && ${parameter}.matches('^[0-9]{1,9}$') ? int(${parameter}) : ${byDefault})`;
  };
  return {
    rule: `${value("self")} >= ${value("oldSelf")}`,
    message: `database.parameters.${name} can be raised and not lowered (${byDefault} where it is absent): replicas restart first and need at least the primary's; keep the former value`,
  };
}

/**
 * Volumes grow and never shrink. A rule over the whole object, for the status tells what they have: a growth that turned
 * out to be impossible can be taken back, so far and no further.
 */
export const volumesOnlyGrow: CelRule = (() => {
  const size = (of: string) => `string(${of}.spec.database.storage.size)`;
  const atLeast = (least: string) => `quantity(${size("self")}).compareTo(quantity(${least})) >= 0`;
  const known = "oldSelf.status.database.volumeSize";
  const isKnown = `has(oldSelf.status) && has(oldSelf.status.database) && has(${known}) && isQuantity(${known})`;
  return {
    rule: `${atLeast(size("oldSelf"))} || (${isKnown} && ${atLeast(known)})`,
    message: "database.storage.size cannot shrink: volumes only grow; keep the former size",
    messageExpression: `'database.storage.size cannot shrink from ' + ${size("oldSelf")} + ' to ' + ${size("self")} + ': volumes only grow; keep ' + ${size("oldSelf")}`,
  };
})();

/** Parameters that the operator or Patroni sets, since a promise stands on each. */
const managedParameters = [
  ...["allow_alter_system", "archive_cleanup_command", "archive_command", "archive_library", "archive_mode"],
  ...[
    "archive_timeout",
    "cluster_name",
    "config_file",
    "data_directory",
    "default_transaction_read_only",
    "external_pid_file",
  ],
  ...["fsync", "full_page_writes", "hba_file", "hot_standby", "ident_file", "listen_addresses", "log_destination"],
  ...["log_directory", "log_filename", "log_line_prefix", "logging_collector", "max_replication_slots"],
  ...["max_slot_wal_keep_size", "max_wal_senders", "password_encryption", "port", "primary_conninfo"],
  ...[
    "primary_slot_name",
    "reserved_connections",
    "restore_command",
    "session_preload_libraries",
    "synchronous_commit",
  ],
  ...["synchronous_standby_names", "track_commit_timestamp", "unix_socket_directories", "unix_socket_group"],
  ...["unix_socket_permissions", "wal_level", "wal_log_hints", "wal_receiver_timeout", "wal_sender_timeout"],
];
const managedPrefixes = ["recovery_", "ssl", "syslog_", "krb_", "zero_damaged", "ignore_"];

/** Libraries of PostgreSQL's own that the image holds and that need to be loaded at the start. */
const preloadable = "(auto_explain|pg_prewarm|pg_stat_statements)";

function parameters() {
  const managed = [
    `name in [${managedParameters.map((name) => `'${name}'`).join(", ")}]`,
    ...managedPrefixes.map((prefix) => `name.startsWith('${prefix}')`),
  ].join(" || ");
  const libraries = "'shared_preload_libraries'";
  return z.record(z.string(), z.string().max(1024)).meta(
    field(
      "Parameters of PostgreSQL, as postgresql.conf has them: work_mem: 16MB. What can be reloaded is; for the others the members restart one at a time, replicas first. An unknown name or a value out of its bounds stalls the change, and nothing is applied.",
      [
        {
          rule: `self.all(name, !(${managed}))`,
          message: "database.parameters holds one that the operator sets itself: remove it",
          messageExpression: `'database.parameters.' + self.filter(name, ${managed})[0] + ' is set by the operator: remove it'`,
        },
        {
          rule: "self.all(name, name.matches('^[a-z_]+[.]?[a-z0-9_]+$'))",
          message: "a name in database.parameters must be PostgreSQL's, in small letters: write it like work_mem",
        },
        {
          rule: "self.all(name, !self[name].contains('\\n'))",
          message: "a value in database.parameters must be one line",
        },
        {
          rule: `!(${libraries} in self) || self[${libraries}].matches('^${preloadable}(, ?${preloadable})*$')`,
          message:
            "database.parameters.shared_preload_libraries may hold auto_explain, pg_prewarm and pg_stat_statements, with commas between",
        },
      ],
      { maxProperties: 100 },
    ),
  );
}

/** The replicated PostgreSQL. */
export const databaseSchema = z
  .object({
    version: z
      .int()
      .default(17)
      .meta(
        field("Major version of PostgreSQL. Minor versions come with the operator's image.", [
          {
            rule: "self == 17",
            message: "database.version must be 17, the one major version that the operator's image holds",
          },
          {
            rule: "self == oldSelf",
            message:
              "database.version cannot change: a major upgrade is not supported; make a new StemHub and move the data",
          },
        ]),
      ),
    instances: z
      .int()
      .default(3)
      .meta(
        field(
          "Members: 1 for a demo, 3 to survive the loss of any one, 5 that of any two. Members that leave keep their volumes.",
          [
            {
              rule: "self in [1, 3, 5]",
              message:
                "database.instances must be 1, 3 or 5: of an even number no more may be lost than of the odd one below it",
            },
            {
              rule: "self >= 3 || oldSelf == 1",
              message:
                "database.instances cannot be reduced to 1: acknowledged writes would have no second holder; keep 3, or make a new StemHub and move the data",
            },
          ],
        ),
      ),
    storage: z
      .object({
        size: bytes(
          "Size of each member's volume, for data and write-ahead log: so much at least. It can grow while the database serves, where the StorageClass allows it (allowVolumeExpansion), and not shrink.",
          "256Mi",
        ).default("10Gi"),
        className: objectName(
          "StorageClass of the volumes; the cluster's default where absent. It cannot change.",
        ).optional(),
      })
      .prefault({})
      .meta(
        field("The volume of each member.", [
          {
            rule: "has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
            message:
              "database.storage.className cannot change: volumes do not move between classes; keep the former one",
          },
        ]),
      ),
    resources: resources(
      "Requests and limits of each member; where absent, requests of 250m and 256Mi and a limit of 1Gi.",
    ).optional(),
    synchronous: z
      .enum(["required", "preferred"])
      .default("required")
      .meta(
        field(
          "What an acknowledged write means, with three members. required: a write that no replica holds is not acknowledged, so that a failover loses nothing; with both replicas gone, none is. preferred: with both replicas gone, writes go on, and a failover may lose them. With one member it has no meaning.",
        ),
      ),
    parameters: parameters().optional(),
    longTransactionSeconds: z
      .int()
      .min(10)
      .max(604_800)
      .default(900)
      .meta(
        field(
          "From how many seconds on an open transaction is told by an event and in status.database.warnings: it keeps dead rows from being removed.",
        ),
      ),
  })
  .meta(
    field(
      "The replicated PostgreSQL, with generated logins and TLS between all parts. {} takes all defaults: three members of 10Gi.",
      raisedOnly.map(neverLowered),
    ),
  );
