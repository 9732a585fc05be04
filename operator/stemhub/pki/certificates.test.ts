import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  authorityLifetimeMs,
  certificateHosts,
  createAuthority,
  issueCertificate,
  renewAuthority,
} from "./certificates.ts";

const now = Date.parse("2026-01-15T12:00:00.789Z");
const times = { now, lifetimeMs: 90 * 60_000 };

describe("given an authority, when a certificate is issued", () => {
  test("then OpenSSL's own reader finds it signed by that authority and by no other", async () => {
    const authority = await createAuthority("studio", now);
    const stranger = await createAuthority("studio", now);
    const leaf = new X509Certificate((await issueCertificate(authority, ["studio-db.music.svc"], times)).certificate);

    expect(leaf.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(leaf.verify(new X509Certificate(stranger.certificate).publicKey)).toBe(false);
    expect(leaf.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
  });

  test("then it answers to each host, wildcards included, and to nothing else", async () => {
    const authority = await createAuthority("studio", now);
    const hosts = ["studio-db.music.svc", "*.studio-db-pods.music.svc"];
    const { certificate } = await issueCertificate(authority, hosts, times);
    const leaf = new X509Certificate(certificate);

    expect(certificateHosts(certificate)).toEqual(hosts);
    expect(leaf.checkHost("studio-db-0.studio-db-pods.music.svc")).toBe("*.studio-db-pods.music.svc");
    expect(leaf.checkHost("other.music.svc")).toBeUndefined();
  });

  test("then names too long for a common name are still answered to", async () => {
    const authority = await createAuthority("studio", now);
    const host = `${"a".repeat(60)}.namespace.svc.cluster.local`;
    const leaf = new X509Certificate((await issueCertificate(authority, [host], times)).certificate);

    expect(leaf.checkHost(host)).toBe(host);
  });

  test("then the authority signs and the leaf cannot", async () => {
    const authority = await createAuthority("studio", now);
    const leaf = await issueCertificate(authority, ["a.svc"], times);

    expect(new X509Certificate(authority.certificate).ca).toBe(true);
    expect(new X509Certificate(leaf.certificate).ca).toBe(false);
  });

  test("then a clock five minutes behind accepts it", async () => {
    const authority = await createAuthority("studio", now);
    const leaf = new X509Certificate((await issueCertificate(authority, ["a.svc"], times)).certificate);

    expect(Date.parse(leaf.validFrom)).toBeLessThanOrEqual(now - 5 * 60_000);
  });
});

test("given a lifetime, then a certificate holds that long from now, in whole seconds", async () => {
  const authority = await createAuthority("studio", now);
  const { validToDate } = new X509Certificate((await issueCertificate(authority, ["a.svc"], times)).certificate);
  expect(validToDate.toISOString()).toBe("2026-01-15T13:30:00.000Z");
});

describe("given an authority that is renewed after seven years", () => {
  const later = now + 7 * 365 * 86_400_000;
  const renewed = async () => {
    const former = await createAuthority("StemHub music/studio", now);
    return { former, next: await renewAuthority(former, later) };
  };

  test("then it holds ten years from then, and is another certificate of the same key and name", async () => {
    const { former, next } = await renewed();
    const [before, after] = [new X509Certificate(former.certificate), new X509Certificate(next.certificate)];
    expect(after.validToDate.getTime()).toBe(Math.floor(later / 1_000) * 1_000 + authorityLifetimeMs);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    expect(after.subject).toBe(before.subject);
    expect(after.publicKey.equals(before.publicKey)).toBe(true);
    expect(next.key).toBe(former.key);
  });

  test("then a leaf of either verifies under both, so nobody has to take the new one up in a hurry", async () => {
    const { former, next } = await renewed();
    for (const signer of [former, next]) {
      const { certificate } = await issueCertificate(signer, ["a.svc"], { ...times, now: later });
      for (const holder of [former, next]) {
        const authority = new X509Certificate(holder.certificate);
        // checkIssued compares names, key identifiers and usages, as OpenSSL does when it builds a chain.
        expect(new X509Certificate(certificate).checkIssued(authority)).toBe(true);
        expect(new X509Certificate(certificate).verify(authority.publicKey)).toBe(true);
      }
    }
  });
});
