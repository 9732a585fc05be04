import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

/** ECDSA on P-256: what PostgreSQL, Patroni, HAProxy and nginx all take, and small. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** How long certificates hold. Renewal without a restart is a capability of its own; until it is here, they outlast it. */
const lifetimeDays = 3650;

/** A clock that runs behind ours must still accept what we just made. */
const backdateMs = 5 * 60_000;

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A new certificate authority, able to sign leaves and nothing below it. */
export async function createAuthority(commonName: string, now: number): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys: keys,
    signingAlgorithm: algorithm,
    ...validity(now),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/**
 * A server's certificate, signed by the authority.
 *
 * @param hosts DNS names, wildcards allowed; the first becomes the common name when it fits its 64 characters.
 */
export async function issueCertificate(authority: KeyPair, hosts: readonly string[], now: number): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(authority.key),
    algorithm,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const commonName = hosts.find((host) => host.length <= 64);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: commonName === undefined ? "" : [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    ...validity(now),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns", value }) as const)),
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

function validity(now: number) {
  return { notBefore: new Date(now - backdateMs), notAfter: new Date(now + lifetimeDays * 86_400_000) };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
