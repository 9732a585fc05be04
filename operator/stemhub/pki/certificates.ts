import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

/** ECDSA on P-256: what PostgreSQL, Patroni, HAProxy and nginx all take, and small. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** How long an authority's certificate holds: ten years. */
export const authorityLifetimeMs = 3650 * 86_400_000;

/** A clock that runs behind ours must still accept what we just made. A lifetime begins after it. */
export const backdateMs = 5 * 60_000;

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A new certificate authority, able to sign leaves and nothing below it. */
export async function createAuthority(commonName: string, now: number): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  return { certificate: await selfSign([{ CN: [commonName] }], keys, now), key: await exportKey(keys.privateKey) };
}

/**
 * The same authority with a certificate that holds ten years from now.
 *
 * Guarantees: key, subject and key identifier stay. Whoever holds the former certificate verifies what is signed from now
 * on, until that one ends; whoever holds the new one verifies what was signed before.
 */
export async function renewAuthority(authority: KeyPair, now: number): Promise<KeyPair> {
  const former = new x509.X509Certificate(authority.certificate);
  const publicKey = await former.publicKey.export(algorithm, ["verify"]);
  const keys = { privateKey: await importKey(authority.key), publicKey };
  return { certificate: await selfSign(former.subjectName, keys, now), key: authority.key };
}

/** What a certificate proves: a server's name, a client's, or either. */
export type LeafUsage = "server" | "client" | "both";

const extendedUsages: Readonly<Record<LeafUsage, x509.ExtendedKeyUsage[]>> = {
  server: [x509.ExtendedKeyUsage.serverAuth],
  client: [x509.ExtendedKeyUsage.clientAuth],
  both: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
};

/**
 * A server's or a client's certificate, signed by the authority.
 *
 * @param hosts DNS names, wildcards allowed; the first becomes the common name when it fits its 64 characters.
 */
export async function issueCertificate(
  authority: KeyPair,
  hosts: readonly string[],
  {
    now,
    lifetimeMs,
    usage = "server",
  }: { readonly now: number; readonly lifetimeMs: number; readonly usage?: LeafUsage },
): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const commonName = hosts.find((host) => host.length <= 64);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: commonName === undefined ? "" : [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: algorithm,
    ...validity(now, lifetimeMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(extendedUsages[usage]),
      new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns", value }) as const)),
      // By key alone: by serial number it would name one certificate of the authority, which is renewed.
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** The names that a certificate answers to. */
export function certificateHosts(certificate: string): readonly string[] {
  const names = new x509.X509Certificate(certificate).getExtension(x509.SubjectAlternativeNameExtension);
  return names?.names.items.filter((name) => name.type === "dns").map((name) => name.value) ?? [];
}

async function selfSign(name: x509.X509CertificateCreateParamsName, keys: webcrypto.CryptoKeyPair, now: number) {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: algorithm,
    ...validity(now, authorityLifetimeMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString("pem");
}

/** In whole seconds, as certificates hold them, so that the lifetime can be read back. */
function validity(now: number, lifetimeMs: number) {
  const begin = Math.floor(now / 1_000) * 1_000;
  return { notBefore: new Date(begin - backdateMs), notAfter: new Date(begin + lifetimeMs) };
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), algorithm, false, ["sign"]);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
