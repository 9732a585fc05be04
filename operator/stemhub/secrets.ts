import { randomBytes } from "node:crypto";
import type { StemHub } from "../api/stemhub.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { keptMetadata, type Part } from "./metadata.ts";
import { childNames, serviceHost } from "./names.ts";
import { createAuthority, issueCertificate, type KeyPair } from "./pki/certificates.ts";
import { StalledError } from "./stalled.ts";

/** What the Secrets are made from. `existing` holds those that are there, by name. */
export interface SecretsInput {
  readonly stemhub: StemHub;
  readonly existing: ReadonlyMap<string, KubeObject>;
  readonly clusterDomain: string;
  readonly now: number;
}

/**
 * The Secrets that a StemHub needs and that are absent, newly generated.
 *
 * Guarantees: one that exists is never made again, so a password in use is never replaced; nothing here is ever applied
 * over a live object (the caller creates, and a conflict means somebody was first).
 *
 * @throws StalledError when the authority is gone while certificates that it signed are still there: a new one would
 *   be trusted by nobody who holds the old.
 */
export async function missingSecrets(input: SecretsInput): Promise<KubeObject[]> {
  const passwords = passwordSecrets(input.stemhub).filter((secret) => !input.existing.has(secret.metadata.name));
  return [...passwords, ...(await missingCertificates(input))];
}

/** Names of every Secret that the operator generates for a StemHub: those that go with its data. */
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
  ];
}

/** The authority's certificate, for those who only verify: a ConfigMap, since it is no secret. */
export function authorityConfigMap(stemhub: StemHub, authority: KubeObject | undefined): KubeObject[] {
  if (!authority) return [];
  const metadata = keptMetadata(stemhub, childNames(stemhub.metadata.name).authority, "pki");
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": readSecret(authority, "ca.crt") } }];
}

function passwordSecrets(stemhub: StemHub): KubeObject[] {
  const n = childNames(stemhub.metadata.name);
  const login = (name: string, username: string, extra: Record<string, string> = {}) =>
    secret(stemhub, name, "database", "Opaque", { username, password: generatePassword(), ...extra });
  return [
    login(n.superuserSecret, "postgres"),
    login(n.replicationSecret, "stemhub_replication"),
    login(n.patroniSecret, "patroni"),
    login(n.appSecret, "stemhub_app_1", { database: "stemhub" }),
    login(n.migratorSecret, "stemhub_migrator", { database: "stemhub" }),
    login(n.probeSecret, "stemhub_probe"),
  ];
}

async function missingCertificates({ stemhub, existing, clusterDomain, now }: SecretsInput): Promise<KubeObject[]> {
  const n = childNames(stemhub.metadata.name);
  const wanted = [
    { name: n.databaseTls, part: "database" as const, hosts: databaseHosts(stemhub, clusterDomain) },
    ...(stemhub.spec.gateway.tls.secretName === undefined
      ? [{ name: n.gatewayTls, part: "gateway" as const, hosts: gatewayHosts(stemhub, clusterDomain) }]
      : []),
  ];
  const held = existing.get(n.authority);
  const orphan = wanted.find(({ name }) => existing.has(name));
  if (!held && orphan) {
    throw new StalledError(
      "AuthorityLost",
      `Secret ${n.authority} is gone while ${orphan.name}, which it signed, is still there. Restore the Secret from a backup.`,
    );
  }
  const missing = wanted.filter(({ name }) => !existing.has(name));
  if (held && missing.length === 0) return [];

  const authority: KeyPair = held
    ? { certificate: readSecret(held, "ca.crt"), key: readSecret(held, "ca.key") }
    : await createAuthority(`StemHub ${stemhub.metadata.namespace}/${stemhub.metadata.name}`, now);
  const leaves = await Promise.all(
    missing.map(async ({ name, part, hosts }) => {
      const leaf = await issueCertificate(authority, hosts, now);
      const data = { "tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": authority.certificate };
      return secret(stemhub, name, part, "kubernetes.io/tls", data);
    }),
  );
  const own = { "ca.crt": authority.certificate, "ca.key": authority.key };
  // The authority first: were the operator to stop between the two, the next pass finds it and signs with it.
  return [...(held ? [] : [secret(stemhub, n.authority, "pki", "Opaque", own)]), ...leaves];
}

/** Each Service and each member, by its short and its full name. */
function databaseHosts(stemhub: StemHub, clusterDomain: string): string[] {
  const n = childNames(stemhub.metadata.name);
  const services = [n.database, n.databaseReadWrite, n.databaseReadOnly, `*.${n.databasePods}`];
  return services.flatMap((service) => hostForms(service, stemhub.metadata.namespace ?? "", clusterDomain));
}

function gatewayHosts(stemhub: StemHub, clusterDomain: string): string[] {
  const n = childNames(stemhub.metadata.name);
  const host = stemhub.spec.gateway.host;
  const forms = hostForms(n.gateway, stemhub.metadata.namespace ?? "", clusterDomain);
  return [...(host === undefined ? [] : [host]), ...forms, "localhost"];
}

function hostForms(service: string, namespace: string, clusterDomain: string): string[] {
  const full = serviceHost(service, namespace, clusterDomain);
  return [full, `${service}.${namespace}.svc`, `${service}.${namespace}`, service];
}

function secret(stemhub: StemHub, name: string, part: Part, type: string, data: Record<string, string>): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: keptMetadata(stemhub, name, part),
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
  };
}

/** One key of a Secret, decoded. @throws StalledError when somebody took the key out. */
export function readSecret(object: KubeObject, key: string): string {
  const value = (object.data as Record<string, string> | undefined)?.[key];
  if (value === undefined) {
    throw new StalledError("SecretIncomplete", `Secret ${object.metadata.name} has no key ${key}. Restore it.`);
  }
  return Buffer.from(value, "base64").toString("utf8");
}

/** 192 bits, in letters that need no quoting in a URL, a shell or a configuration file. */
export function generatePassword(): string {
  return randomBytes(24).toString("base64url").replaceAll("-", "a").replaceAll("_", "b");
}
