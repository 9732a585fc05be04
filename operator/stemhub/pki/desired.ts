import type { StemHub } from "../../api/stemhub.ts";
import { parseDuration } from "../../runtime/duration.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { decoded, encoded, generatedSecret, readSecret } from "../generated-secret.ts";
import { keptMetadata, type Part } from "../metadata.ts";
import { childNames, queueClients, serviceHost } from "../names.ts";
import { StalledError } from "../stalled.ts";
import { createAuthority, issueCertificate, type KeyPair, type LeafUsage, renewAuthority } from "./certificates.ts";
import { decideAuthorityRenewal, decideRenewal, endsAt, isPair, type RenewalReason, renewBeforeMs } from "./renewal.ts";

/** What certificates are made from. `existing` holds the Secrets that are there, by name. */
export interface CertificatesInput {
  readonly stemhub: StemHub;
  readonly existing: ReadonlyMap<string, KubeObject>;
  readonly clusterDomain: string;
  readonly now: number;
}

/** A Secret whose certificate is replaced. */
export interface Renewal {
  readonly secret: string;
  readonly reason: RenewalReason;
  /** For people, with the end of the new certificate. */
  readonly message: string;
  /**
   * A merge patch of nothing but the keys of the certificate. Refused by the API server when the Secret is no longer what
   * was read: two of us at once would else leave a certificate beside another one's key.
   */
  readonly patch: object;
}

/**
 * The Secrets with certificates that are absent, newly made: the authority's first, so that a pass that ends after it is
 * followed by one that signs with the same.
 *
 * @throws StalledError when the authority is gone while certificates that it signed are still there: a new one would
 *   be trusted by nobody who holds the old.
 */
export async function missingCertificates({ stemhub, existing, clusterDomain, now }: CertificatesInput) {
  const n = childNames(stemhub.metadata.name);
  const wanted = wantedLeaves(stemhub, clusterDomain);
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

  const authority = held
    ? readAuthority(held)
    : await createAuthority(`StemHub ${stemhub.metadata.namespace}/${stemhub.metadata.name}`, now);
  const lifetimeMs = lifetimeOf(stemhub);
  const leaves = missing.map(async ({ name, part, hosts, usage }) => {
    const data = leafData(await issueCertificate(authority, hosts, { now, lifetimeMs, usage }), authority);
    return generatedSecret(stemhub, name, part, "kubernetes.io/tls", data);
  });
  return [
    ...(held ? [] : [generatedSecret(stemhub, n.authority, "pki", "Opaque", authorityData(authority))]),
    ...(await Promise.all(leaves)),
  ];
}

/**
 * The certificates that are to be replaced now, the authority's first, and when the next one is due. Secrets that are
 * absent or that a user brought are left alone.
 *
 * Guarantees: asked again about what it returned, at the same moment, it has nothing more to replace.
 *
 * @throws StalledError when the authority cannot be read.
 */
export async function certificateRenewals(
  input: CertificatesInput,
): Promise<{ readonly renewals: readonly Renewal[]; readonly nextInMs: number | undefined }> {
  const { stemhub, existing, clusterDomain, now } = input;
  const held = existing.get(childNames(stemhub.metadata.name).authority);
  if (!held) return { renewals: [], nextInMs: undefined };

  const former = readAuthority(held);
  const decision = decideAuthorityRenewal(former.certificate, now);
  const authority = decision.renew ? await renewAuthority(former, now) : former;
  const renewals = decision.renew
    ? [renewal(held, decision.reason, { "ca.crt": authority.certificate }, authority)]
    : [];
  const waits = decision.renew ? [] : [decision.dueInMs];

  const lifetimeMs = lifetimeOf(stemhub);
  for (const { name, hosts, usage } of wantedLeaves(stemhub, clusterDomain)) {
    const secret = existing.get(name);
    if (!secret) continue;
    const leaf = decideRenewal({
      certificate: decoded(secret, "tls.crt") ?? "",
      key: decoded(secret, "tls.key") ?? "",
      authorityBeside: decoded(secret, "ca.crt") ?? "",
      wanted: { authority: authority.certificate, hosts, lifetimeMs },
      now,
    });
    if (leaf.renew) {
      const issued = await issueCertificate(authority, hosts, { now, lifetimeMs, usage });
      renewals.push(renewal(secret, leaf.reason, leafData(issued, authority), issued));
    }
    waits.push(leaf.renew ? lifetimeMs - renewBeforeMs(lifetimeMs) : leaf.dueInMs);
  }
  return { renewals, nextInMs: waits.length > 0 ? Math.min(...waits) : undefined };
}

/** The authority's certificate, for those who only verify: a ConfigMap, since it is no secret. */
export function authorityConfigMap(stemhub: StemHub, authority: KubeObject | undefined): KubeObject[] {
  if (!authority) return [];
  const metadata = keptMetadata(stemhub, childNames(stemhub.metadata.name).authority, "pki");
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": readSecret(authority, "ca.crt") } }];
}

const said: Readonly<Record<RenewalReason, string>> = {
  Unusable: "the former one could not be used",
  AuthorityChanged: "its authority has another certificate",
  HostsChanged: "it answers to other hosts",
  LifetimeShortened: "the former one held longer than spec.certificates.lifetime",
  Due: "the former one was about to end",
};

function renewal(
  { metadata: { name, resourceVersion } }: KubeObject,
  reason: RenewalReason,
  data: Readonly<Record<string, string>>,
  { certificate }: KeyPair,
): Renewal {
  const until = new Date(endsAt(certificate)).toISOString();
  return {
    secret: name,
    reason,
    message: `Secret ${name} has a new certificate until ${until}: ${said[reason]}.`,
    patch: { metadata: { resourceVersion }, data: encoded(data) },
  };
}

/** @throws StalledError when it is incomplete, or not what the operator made. */
function readAuthority(secret: KubeObject): KeyPair {
  const authority = { certificate: readSecret(secret, "ca.crt"), key: readSecret(secret, "ca.key") };
  if (isPair(authority)) return authority;
  throw new StalledError(
    "AuthorityUnusable",
    `ca.crt and ca.key of Secret ${secret.metadata.name} are no certificate and its key. Restore the Secret from a backup.`,
  );
}

function authorityData({ certificate, key }: KeyPair) {
  return { "ca.crt": certificate, "ca.key": key };
}

function leafData(leaf: KeyPair, authority: KeyPair) {
  return { "tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": authority.certificate };
}

function lifetimeOf({ spec }: StemHub): number {
  const lifetimeMs = parseDuration(spec.certificates.lifetime);
  // The CRD lets nothing else through.
  if (lifetimeMs === undefined) throw new Error(`certificates.lifetime is no duration: ${spec.certificates.lifetime}`);
  return lifetimeMs;
}

interface WantedLeaf {
  readonly name: string;
  readonly part: Part;
  readonly hosts: readonly string[];
  readonly usage: LeafUsage;
}

/** What the authority signs. Not the gateway's where the user brings one. */
function wantedLeaves(stemhub: StemHub, clusterDomain: string): readonly WantedLeaf[] {
  const n = childNames(stemhub.metadata.name);
  const server = { usage: "server" } as const;
  const gateway = {
    name: n.gatewayTls,
    part: "gateway",
    hosts: gatewayHosts(stemhub, clusterDomain),
    ...server,
  } as const;
  return [
    { name: n.databaseTls, part: "database", hosts: databaseHosts(stemhub, clusterDomain), ...server },
    ...(stemhub.spec.gateway.tls.secretName === undefined ? [gateway] : []),
    ...queueLeaves(stemhub, clusterDomain),
    ...backupLeaves(stemhub, clusterDomain),
  ];
}

/**
 * The queue and its NATS servers share one, which the servers also show to each other. Clients are told apart by their
 * common name, which is the first host.
 */
function queueLeaves(stemhub: StemHub, clusterDomain: string): readonly WantedLeaf[] {
  if (!stemhub.spec.queue) return [];
  const { name, namespace = "" } = stemhub.metadata;
  const n = childNames(name);
  const hosts = [n.queue, n.queueStore, `*.${n.queueStore}`].flatMap((each) =>
    hostForms(each, namespace, clusterDomain),
  );
  const { gateway, operator } = queueClients(name);
  return [
    { name: n.queueTls, part: "queue", hosts, usage: "both" },
    { name: n.gatewayClientTls, part: "gateway", hosts: [gateway], usage: "client" },
    { name: n.operatorClientTls, part: "queue", hosts: [operator], usage: "client" },
  ];
}

/**
 * The pgBackRest servers beside the members, and who may take a backup through them: whoever has the client's common name
 * is let in (backup/pgbackrest.ts), so no other client of this authority may have it.
 */
function backupLeaves(stemhub: StemHub, clusterDomain: string): readonly WantedLeaf[] {
  if (!stemhub.spec.backup) return [];
  const { name, namespace = "" } = stemhub.metadata;
  const n = childNames(name);
  const hosts = hostForms(`*.${n.databasePods}`, namespace, clusterDomain);
  return [
    { name: n.backupServerTls, part: "database", hosts, usage: "server" },
    { name: n.backupClientTls, part: "backup", hosts: [n.backup], usage: "client" },
  ];
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
