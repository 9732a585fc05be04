import { generateKeyPairSync, randomBytes } from "node:crypto";
import { queueFiles } from "../api/queue-configuration.ts";
import type { StemHub } from "../api/stemhub.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { generatedSecret } from "./generated-secret.ts";
import { childNames } from "./names.ts";
import { type CertificatesInput, missingCertificates } from "./pki/desired.ts";

/**
 * The Secrets that a StemHub needs and that are absent, newly generated.
 *
 * Guarantees: one that exists is never made again, so a password in use is never replaced; nothing here is ever applied
 * over a live object (the caller creates, and a conflict means somebody was first).
 *
 * @throws StalledError when the authority is gone while certificates that it signed are still there: a new one would
 *   be trusted by nobody who holds the old.
 */
export async function missingSecrets(input: CertificatesInput): Promise<KubeObject[]> {
  const passwords = [
    ...passwordSecrets(input.stemhub),
    ...queueSecrets(input.stemhub),
    ...backupSecrets(input.stemhub),
  ].filter((secret) => !input.existing.has(secret.metadata.name));
  return [...passwords, ...(await missingCertificates(input))];
}

/**
 * Names of every Secret that the operator generates for a StemHub and that goes with its data. Not the backups' key: the
 * backups stay in their bucket, and nobody could read them.
 */
export function generatedSecretNames(stemhub: string): readonly string[] {
  const n = childNames(stemhub);
  return [
    n.superuserSecret,
    n.replicationSecret,
    n.patroniSecret,
    n.appSecret,
    n.migratorSecret,
    n.probeSecret,
    n.authority,
    n.databaseTls,
    n.gatewayTls,
    n.queueTls,
    n.gatewayClientTls,
    n.operatorClientTls,
    n.queueKeys,
    n.queueStoreSecret,
    n.backupServerTls,
    n.backupClientTls,
  ];
}

function passwordSecrets(stemhub: StemHub): KubeObject[] {
  const n = childNames(stemhub.metadata.name);
  const login = (name: string, username: string, extra: Record<string, string> = {}) =>
    generatedSecret(stemhub, name, "database", "Opaque", { username, password: generatePassword(), ...extra });
  return [
    login(n.superuserSecret, "postgres"),
    login(n.replicationSecret, "stemhub_replication"),
    login(n.patroniSecret, "patroni"),
    login(n.appSecret, "stemhub_app_1", { database: "stemhub" }),
    login(n.migratorSecret, "stemhub_migrator", { database: "stemhub" }),
    login(n.probeSecret, "stemhub_probe"),
  ];
}

/** How NATS lets in the queue and its servers each other; what the queue seals writes and signs assertions with. */
function queueSecrets(stemhub: StemHub): KubeObject[] {
  if (!stemhub.spec.queue) return [];
  const n = childNames(stemhub.metadata.name);
  const { privateKey } = generateKeyPairSync("ed25519");
  const dataKeys = { current: "k1", keys: { k1: randomBytes(32).toString("base64") } };
  return [
    generatedSecret(stemhub, n.queueStoreSecret, "queue-store", "Opaque", {
      username: "queue",
      password: generatePassword(),
      routePassword: generatePassword(),
    }),
    generatedSecret(stemhub, n.queueKeys, "queue", "Opaque", {
      [queueFiles.dataKeys]: JSON.stringify(dataKeys),
      [queueFiles.signingKey]: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    }),
  ];
}

/** The key of the repository, where the spec brings none. A new one beside old backups would not open them. */
function backupSecrets(stemhub: StemHub): KubeObject[] {
  if (!stemhub.spec.backup || stemhub.spec.backup.repository.encryptionSecret) return [];
  const { backupKey } = childNames(stemhub.metadata.name);
  return [generatedSecret(stemhub, backupKey, "backup", "Opaque", { passphrase: generatePassword() })];
}

/** 192 bits, in letters that need no quoting in a URL, a shell or a configuration file. */
export function generatePassword(): string {
  return randomBytes(24).toString("base64url").replaceAll("-", "a").replaceAll("_", "b");
}
