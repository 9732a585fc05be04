import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificateHosts, createAuthority, issueCertificate } from "./certificates.ts";

const now = Date.parse("2026-01-15T12:00:00Z");

describe("given an authority, when a certificate is issued", () => {
  test("then OpenSSL's own reader finds it signed by that authority and by no other", async () => {
    const authority = await createAuthority("studio", now);
    const stranger = await createAuthority("studio", now);
    const leaf = new X509Certificate((await issueCertificate(authority, ["studio-db.music.svc"], now)).certificate);

    expect(leaf.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(leaf.verify(new X509Certificate(stranger.certificate).publicKey)).toBe(false);
    expect(leaf.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
  });

  test("then it answers to each host, wildcards included, and to nothing else", async () => {
    const authority = await createAuthority("studio", now);
    const hosts = ["studio-db.music.svc", "*.studio-db-pods.music.svc"];
    const { certificate } = await issueCertificate(authority, hosts, now);
    const leaf = new X509Certificate(certificate);

    expect(certificateHosts(certificate)).toEqual(hosts);
    expect(leaf.checkHost("studio-db-0.studio-db-pods.music.svc")).toBe("*.studio-db-pods.music.svc");
    expect(leaf.checkHost("other.music.svc")).toBeUndefined();
  });

  test("then names too long for a common name are still answered to", async () => {
    const authority = await createAuthority("studio", now);
    const host = `${"a".repeat(60)}.namespace.svc.cluster.local`;
    const leaf = new X509Certificate((await issueCertificate(authority, [host], now)).certificate);

    expect(leaf.checkHost(host)).toBe(host);
  });

  test("then the authority signs and the leaf cannot", async () => {
    const authority = await createAuthority("studio", now);
    const leaf = await issueCertificate(authority, ["a.svc"], now);

    expect(new X509Certificate(authority.certificate).ca).toBe(true);
    expect(new X509Certificate(leaf.certificate).ca).toBe(false);
  });

  test("then a clock five minutes behind accepts it", async () => {
    const authority = await createAuthority("studio", now);
    const leaf = new X509Certificate((await issueCertificate(authority, ["a.svc"], now)).certificate);

    expect(Date.parse(leaf.validFrom)).toBeLessThanOrEqual(now - 5 * 60_000);
  });
});
