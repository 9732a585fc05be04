import "reflect-metadata";
import { createPublicKey, generateKeyPairSync, webcrypto } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { stringify } from "yaml";
import { createAuthority } from "../../../operator/stemhub/pki/certificates.ts";
import { s3Host } from "../cluster.ts";
import { readIfPresent, replaceFile } from "../files.ts";
import { apiPort, type Layout } from "./slots.ts";
import type { ClusterState } from "./state.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const lifetimeMs = 3650 * 86_400_000;

/** Who a certificate is for; it serves if it has hosts (DNS names and IPv4 addresses). */
interface Subject {
  readonly file: string;
  readonly commonName: string;
  readonly organization?: string;
  readonly hosts?: readonly string[];
  /** It gets a kubeconfig of its own. */
  readonly client?: true;
}

/**
 * Makes the cluster's keys, certificates and kubeconfigs in `pki`, and its admin's kubeconfig. What exists is kept, so a
 * mended cluster goes on with the same.
 */
export async function makeCertificates(state: ClusterState, layout: Layout): Promise<void> {
  const directory = state.path("pki");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const server = `https://${layout.hostAddress}:${apiPort}`;
  const authority = await ensureAuthority(directory, "ca", "kubernetes-ca");
  for (const subject of subjects(layout)) {
    await ensureCertificate(directory, authority, subject);
    if (subject.client) await ensureKubeconfig(directory, subject.file, server);
  }
  // A CA of its own for the aggregation layer: were it the same, any client could claim to be the front proxy.
  const frontProxy = await ensureAuthority(directory, "front-proxy-ca", "front-proxy-ca");
  await ensureCertificate(directory, frontProxy, { file: "front-proxy-client", commonName: "front-proxy-client" });
  await ensureServiceAccountKey(directory);
  await replaceFile(state.kubeconfig, await readFile(join(directory, "admin.kubeconfig"), "utf8"));
}

function subjects(layout: Layout): Subject[] {
  const kubernetes = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const apiHosts = [
    ...kubernetes,
    "kubernetes.default.svc.cluster.local",
    layout.hostAddress,
    layout.apiServiceAddress,
  ];
  const metrics = "metrics-server.kube-system.svc";
  const controlPlane = ["kube-controller-manager", "kube-scheduler", "kube-proxy"];
  return [
    { file: "apiserver", commonName: "kube-apiserver", hosts: apiHosts },
    { file: "apiserver-kubelet-client", organization: "system:masters", commonName: "kube-apiserver-kubelet-client" },
    { file: "metrics-server", commonName: "metrics-server", client: true, hosts: [metrics, layout.hostAddress] },
    { file: "s3", commonName: "s3", hosts: [s3Host, layout.hostAddress] },
    { file: "admin", organization: "system:masters", commonName: "admin", client: true },
    ...controlPlane.map((file) => ({ file, commonName: `system:${file}`, client: true }) as const),
    ...["coredns", "local-path-provisioner", "local-disk"].map(
      (file) => ({ file, commonName: file, client: true }) as const,
    ),
    // A kubelet's one certificate is its identity as a client and, by the address in it, what others verify.
    ...layout.nodes.map(({ name, address }) => ({
      file: `node-${name}`,
      organization: "system:nodes",
      commonName: `system:node:${name}`,
      hosts: [name, address],
      client: true as const,
    })),
  ];
}

async function ensureAuthority(directory: string, file: string, commonName: string) {
  const paths = { certificate: join(directory, `${file}.crt`), key: join(directory, `${file}.key`) };
  const certificate = await readIfPresent(paths.certificate);
  if (certificate !== undefined) return { certificate, key: await readFile(paths.key, "utf8") };
  const made = await createAuthority(commonName, Date.now());
  await replaceFile(paths.key, made.key);
  await replaceFile(paths.certificate, made.certificate);
  return made;
}

async function ensureCertificate(
  directory: string,
  authority: { certificate: string; key: string },
  subject: Subject,
): Promise<void> {
  const path = join(directory, `${subject.file}.crt`);
  if ((await readIfPresent(path)) !== undefined) return;
  const issuer = new x509.X509Certificate(authority.certificate);
  const decoded = x509.PemConverter.decodeFirst(authority.key);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", decoded, algorithm, false, ["sign"]);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [subject.commonName] }, ...(subject.organization ? [{ O: [subject.organization] }] : [])],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 300_000),
    notAfter: new Date(Date.now() + lifetimeMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(subject.hosts ? [serverAuth, clientAuth] : [clientAuth]),
      ...(subject.hosts ? [new x509.SubjectAlternativeNameExtension(subject.hosts.map(generalName))] : []),
    ],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  await replaceFile(join(directory, `${subject.file}.key`), `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`);
  await replaceFile(path, `${certificate.toString("pem")}\n`);
}

function generalName(value: string): { type: "ip" | "dns"; value: string } {
  return { type: /^[\d.]+$/.test(value) ? "ip" : "dns", value };
}

/** Signs the tokens of ServiceAccounts. */
async function ensureServiceAccountKey(directory: string): Promise<void> {
  const path = join(directory, "service-account.key");
  if ((await readIfPresent(path)) !== undefined) return;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = privateKey.export({ type: "sec1", format: "pem" });
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" });
  await replaceFile(join(directory, "service-account.pub"), String(publicKey));
  await replaceFile(path, String(key));
}

/** Everything inside, so that it can be copied elsewhere. */
async function ensureKubeconfig(directory: string, name: string, server: string): Promise<void> {
  const path = join(directory, `${name}.kubeconfig`);
  if ((await readIfPresent(path)) !== undefined) return;
  const base64 = async (file: string) => (await readFile(join(directory, file))).toString("base64");
  const credentials = {
    "client-certificate-data": await base64(`${name}.crt`),
    "client-key-data": await base64(`${name}.key`),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name: "local", cluster: { server, "certificate-authority-data": await base64("ca.crt") } }],
    contexts: [{ name, context: { cluster: "local", user: name } }],
    users: [{ name, user: credentials }],
  };
  await replaceFile(path, stringify(config));
}
