import type { EnvVar, StemHub } from "../api/stemhub.ts";
import { childNames, serviceHost } from "./names.ts";

/** Where the database's certificate authority is mounted in every container that maps a database variable. */
export const databaseCaFile = "/etc/stemhub/database-ca/ca.crt";
/** Where the object storage's authority is mounted, when the spec names one. */
export const storageCaFile = "/etc/stemhub/storage-ca/ca.crt";

/** What a container's environment is made from. */
export interface EnvironmentInput {
  readonly stemhub: StemHub;
  readonly env: readonly EnvVar[];
  /** Which login the database variables use. */
  readonly login: "app" | "migrator";
  readonly clusterDomain: string;
}

/** A container's environment: its variables and what they need mounted. */
export interface Environment {
  readonly env: readonly Record<string, unknown>[];
  readonly volumes: readonly Record<string, unknown>[];
  readonly volumeMounts: readonly Record<string, unknown>[];
}

/**
 * The variables of a container. A connection URL is put together by kubelet out of $(…) references to variables that
 * come from Secrets, so no password is ever in an object of ours.
 */
export function environmentOf(input: EnvironmentInput): Environment {
  const { stemhub, env } = input;
  const names = childNames(stemhub.metadata.name);
  const database = env.some((variable) => variable.database);
  const storageCa = stemhub.spec.storage?.caConfigMap?.name;
  const storage = storageCa !== undefined && env.some((variable) => variable.storage);
  const mounts = [
    ...(database ? [caMount("database-ca", names.authority, databaseCaFile)] : []),
    ...(storage ? [caMount("storage-ca", storageCa, storageCaFile)] : []),
  ];
  return {
    // kubelet expands references only to variables that stand before.
    env: [...(database ? credentials(input) : []), ...env.map((variable) => containerVariable(variable, input))],
    volumes: mounts.map((mount) => mount.volume),
    volumeMounts: mounts.map((mount) => mount.volumeMount),
  };
}

/** What an api gets that maps no database variable itself. */
export const apiDefaults: readonly EnvVar[] = [
  { name: "DATABASE_URL", database: { endpoint: "default", part: "url", scheme: "postgresql" } },
  { name: "DATABASE_READ_URL", database: { endpoint: "readOnly", part: "url", scheme: "postgresql" } },
];

/** What a migration gets that maps no database variable itself: it must write, so never a replica. */
export const migrationDefaults: readonly EnvVar[] = [
  { name: "DATABASE_URL", database: { endpoint: "readWrite", part: "url", scheme: "postgresql" } },
];

/** The variables as the spec has them, with the defaults where it maps no database variable. */
export function withDefaults(env: readonly EnvVar[] | undefined, defaults: readonly EnvVar[]): readonly EnvVar[] {
  const own = env ?? [];
  if (own.some((variable) => variable.database)) return own;
  const taken = new Set(own.map((variable) => variable.name));
  return [...defaults.filter((variable) => !taken.has(variable.name)), ...own];
}

/**
 * The TLS parameters that a scheme's driver understands: each verifies the server's certificate and name.
 * Sources: https://www.postgresql.org/docs/17/libpq-ssl.html (libpq and node-postgres),
 * https://magicstack.github.io/asyncpg/current/api/index.html (`ssl`, with the authority from PGSSLROOTCERT).
 */
function tlsParameters(scheme: string): Record<string, string> {
  if (scheme.endsWith("+asyncpg")) return { ssl: "verify-full" };
  return { sslmode: "verify-full", sslrootcert: databaseCaFile };
}

function credentials({ stemhub, login }: EnvironmentInput) {
  const names = childNames(stemhub.metadata.name);
  const name = login === "app" ? names.appSecret : names.migratorSecret;
  const key = (variable: string, secretKey: string) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name, key: secretKey } },
  });
  return [
    key("STEMHUB_DB_USER", "username"),
    key("STEMHUB_DB_PASSWORD", "password"),
    key("STEMHUB_DB_NAME", "database"),
    // libpq, asyncpg and others take it from here where a URL cannot say it.
    { name: "PGSSLROOTCERT", value: databaseCaFile },
  ];
}

function containerVariable(variable: EnvVar, input: EnvironmentInput): Record<string, unknown> {
  const { name, value, secret, configMap, database, storage } = variable;
  if (secret) return { name, valueFrom: { secretKeyRef: { name: secret.name, key: secret.key } } };
  if (configMap) return { name, valueFrom: { configMapKeyRef: { name: configMap.name, key: configMap.key } } };
  if (database) return { name, value: databaseValue(database, input) };
  if (storage) return { name, ...storageValue(storage.part, input.stemhub) };
  // kubelet would read $(X) as a reference; the spec promises that a value is taken as it is.
  return { name, value: (value ?? "").replaceAll("$", "$$$$") };
}

function databaseValue(
  database: NonNullable<EnvVar["database"]>,
  { stemhub, clusterDomain }: EnvironmentInput,
): string {
  const names = childNames(stemhub.metadata.name);
  const services = { default: names.database, readWrite: names.databaseReadWrite, readOnly: names.databaseReadOnly };
  const host = serviceHost(services[database.endpoint], stemhub.metadata.namespace ?? "", clusterDomain);
  switch (database.part) {
    case "url": {
      const parameters = new URLSearchParams(database.parameters ?? tlsParameters(database.scheme)).toString();
      const query = parameters.replaceAll("%2F", "/");
      return `${database.scheme}://$(STEMHUB_DB_USER):$(STEMHUB_DB_PASSWORD)@${host}:5432/$(STEMHUB_DB_NAME)${query ? `?${query}` : ""}`;
    }
    case "host":
      return host;
    case "port":
      return "5432";
    case "name":
      return "$(STEMHUB_DB_NAME)";
    case "user":
      return "$(STEMHUB_DB_USER)";
    case "password":
      return "$(STEMHUB_DB_PASSWORD)";
    case "caFile":
      return databaseCaFile;
  }
}

function storageValue(part: NonNullable<EnvVar["storage"]>["part"], { spec }: StemHub): Record<string, unknown> {
  const storage = spec.storage;
  // The CRD's rule: an env entry with storage needs spec.storage.
  if (!storage) throw new Error("an env entry asks for storage, and spec.storage is absent");
  const secret = (key: string) => ({ valueFrom: { secretKeyRef: { name: storage.credentialsSecret.name, key } } });
  switch (part) {
    case "endpoint":
      return { value: storage.endpoint };
    case "bucket":
      return { value: storage.bucket };
    case "region":
      return { value: storage.region };
    case "accessKeyId":
      return secret("accessKeyId");
    case "secretAccessKey":
      return secret("secretAccessKey");
    case "caFile":
      return { value: storage.caConfigMap ? storageCaFile : "" };
  }
}

function caMount(name: string, configMap: string, file: string) {
  return {
    volume: { name, configMap: { name: configMap } },
    volumeMount: { name, mountPath: file.slice(0, file.lastIndexOf("/")), readOnly: true },
  };
}
