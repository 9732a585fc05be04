import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../runtime/objects.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { generatedSecretNames, missingSecrets } from "./secrets.ts";

const now = Date.parse("2026-01-15T12:00:00Z");
const stemhub = aStemHub({ gateway: { host: "studio.example" } });
const missing = (existing: KubeObject[] = [], of = stemhub) =>
  missingSecrets({
    stemhub: of,
    existing: new Map(existing.map((secret) => [secret.metadata.name, secret])),
    clusterDomain: "cluster.local",
    now,
  });
const backup = {
  repository: { endpoint: "https://s3.example", bucket: "kept", credentialsSecret: { name: "s3" } },
};
const decode = (secret: KubeObject | undefined, key: string) =>
  Buffer.from((secret?.data as Record<string, string> | undefined)?.[key] ?? "", "base64").toString();
const named = (secrets: KubeObject[], name: string) => secrets.find((secret) => secret.metadata.name === name);
const without = (secrets: KubeObject[], name: string) => secrets.filter((secret) => secret.metadata.name !== name);

describe("given a new StemHub, when its Secrets are made", () => {
  test("then each that it needs is there, and belongs to nobody, so that it outlives the StemHub", async () => {
    const made = await missing([], aStemHub({ queue: {}, backup }));
    const kept = "studio-backup-key";
    expect(new Set(made.map((secret) => secret.metadata.name))).toEqual(
      new Set([...generatedSecretNames("studio"), kept]),
    );
    // Not even with its data: the backups are still in their bucket.
    expect(generatedSecretNames("studio")).not.toContain(kept);
    for (const secret of made) expect(secret.metadata.ownerReferences).toBeUndefined();
  });

  test("then no two passwords are alike, and none needs quoting in a URL", async () => {
    const passwords = (await missing()).map((secret) => decode(secret, "password")).filter(Boolean);
    expect(new Set(passwords).size).toBe(6);
    for (const password of passwords) expect(password).toMatch(/^[A-Za-z0-9]{32}$/);
  });

  test("then the database's certificate answers to each of its Services and members", async () => {
    const certificate = new X509Certificate(decode(named(await missing(), "studio-db-tls"), "tls.crt"));
    for (const host of [
      "studio-db.music.svc.cluster.local",
      "studio-db-rw.music.svc",
      "studio-db-ro",
      "studio-db-2.studio-db-pods.music.svc.cluster.local",
    ]) {
      expect(certificate.checkHost(host), host).toBeDefined();
    }
  });

  test("then the gateway's certificate answers to its host", async () => {
    const certificate = new X509Certificate(decode(named(await missing(), "studio-gateway-tls"), "tls.crt"));
    expect(certificate.checkHost("studio.example")).toBe("studio.example");
  });
});

describe("given a StemHub with backups", () => {
  test("then a certificate tells its jobs from all other clients of its authority", async () => {
    const made = await missing([], aStemHub({ queue: {}, backup }));
    const subjects = made.map((secret) => decode(secret, "tls.crt")).filter(Boolean);
    const names = subjects.map((certificate) => new X509Certificate(certificate).subject);
    expect(names.filter((subject) => subject === "CN=studio-backup")).toHaveLength(1);
  });

  test("then its servers answer as each member, and as nobody else", async () => {
    const made = await missing([], aStemHub({ backup }));
    const certificate = new X509Certificate(decode(named(made, "studio-backup-server-tls"), "tls.crt"));
    expect(certificate.checkHost("studio-db-1.studio-db-pods.music.svc.cluster.local")).toBeDefined();
    expect(certificate.checkHost("studio-db.music.svc.cluster.local")).toBeUndefined();
  });

  test("and a passphrase of the user's own, then none is made", async () => {
    const encryptionSecret = { name: "mine" };
    const own = aStemHub({ backup: { repository: { ...backup.repository, encryptionSecret } } });
    expect(named(await missing([], own), "studio-backup-key")).toBeUndefined();
  });
});

describe("given Secrets that exist", () => {
  test("when all are there, then none is made again", async () => {
    expect(await missing(await missing())).toEqual([]);
  });

  test("when one password is gone, then that one alone is made", async () => {
    const rest = without(await missing(), "studio-db-app");
    expect((await missing(rest)).map((secret) => secret.metadata.name)).toEqual(["studio-db-app"]);
  });

  test("when a certificate is gone, then the same authority signs a new one", async () => {
    const all = await missing();
    const [made] = await missing(without(all, "studio-db-tls"));
    const authority = new X509Certificate(decode(named(all, "studio-ca"), "ca.crt"));
    expect(new X509Certificate(decode(made, "tls.crt")).checkIssued(authority)).toBe(true);
  });

  test("when the authority is gone and its certificates are not, then a person is told, and nothing is made", async () => {
    const rest = without(await missing(), "studio-ca");
    await expect(missing(rest)).rejects.toMatchObject({ name: "StalledError", reason: "AuthorityLost" });
  });

  test("when a key was taken out of the authority, then a person is told", async () => {
    const all = await missing();
    const emptied = [
      ...without(without(all, "studio-ca"), "studio-db-tls"),
      { ...(named(all, "studio-ca") as KubeObject), data: {} },
    ];
    await expect(missing(emptied)).rejects.toMatchObject({ reason: "SecretIncomplete" });
  });
});

test("given a certificate of the user's own, then none is made for the gateway", async () => {
  const own = aStemHub({ gateway: { tls: { secretName: "mine" } } });
  expect(named(await missing([], own), "studio-gateway-tls")).toBeUndefined();
});
