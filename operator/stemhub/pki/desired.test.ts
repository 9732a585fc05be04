import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { decoded } from "../generated-secret.ts";
import { missingSecrets } from "../secrets.ts";
import { certificateRenewals, type Renewal } from "./desired.ts";

const day = 86_400_000;
const minute = 60_000;
const madeAt = Date.parse("2026-01-15T12:00:00Z");
const clusterDomain = "cluster.local";
const studio = (spec: object = {}) => aStemHub({ gateway: { host: "studio.example" }, ...spec });

/** All Secrets of a StemHub by name, as the API server holds them. */
async function secretsOf(stemhub: StemHub): Promise<Map<string, KubeObject>> {
  const made = await missingSecrets({ stemhub, existing: new Map(), clusterDomain, now: madeAt });
  return new Map(made.map((s) => [s.metadata.name, { ...s, metadata: { ...s.metadata, resourceVersion: "7" } }]));
}

/** What the API server holds after the patches. */
function patched(secrets: ReadonlyMap<string, KubeObject>, renewals: readonly Renewal[]): Map<string, KubeObject> {
  const result = new Map(secrets);
  for (const { secret, patch } of renewals) {
    const former = secrets.get(secret) as KubeObject;
    const { data } = patch as { data: Record<string, string> };
    result.set(secret, { ...former, data: { ...(former.data as Record<string, string>), ...data } });
  }
  return result;
}

const renewalsAt = (now: number, existing: ReadonlyMap<string, KubeObject>, stemhub = studio()) =>
  certificateRenewals({ stemhub, existing, clusterDomain, now });
const reasons = (renewals: readonly Renewal[]) => renewals.map(({ secret, reason }) => [secret, reason]);
const certificate = (secrets: ReadonlyMap<string, KubeObject>, name: string, key = "tls.crt") =>
  new X509Certificate(decoded(secrets.get(name) as KubeObject, key) ?? "");

describe("given certificates with the default lifetime of 90 days", () => {
  test("when they are new, then nothing is replaced, and the first is due after 60 days", async () => {
    expect(await renewalsAt(madeAt, await secretsOf(studio()))).toEqual({ renewals: [], nextInMs: 60 * day });
  });

  test("when 60 days have passed, then both leaves are replaced and signed by the same authority", async () => {
    const secrets = await secretsOf(studio());
    const now = madeAt + 60 * day;
    const { renewals, nextInMs } = await renewalsAt(now, secrets);
    expect(reasons(renewals)).toEqual([
      ["studio-db-tls", "Due"],
      ["studio-gateway-tls", "Due"],
    ]);
    expect(nextInMs).toBe(60 * day);
    const after = patched(secrets, renewals);
    for (const name of ["studio-db-tls", "studio-gateway-tls"]) {
      expect(certificate(after, name).validToDate.getTime()).toBe(now + 90 * day);
      expect(certificate(after, name).checkIssued(certificate(secrets, "studio-ca", "ca.crt"))).toBe(true);
    }
  });

  test("when it was asked and its answer carried out, then it asks for nothing more", async () => {
    const secrets = await secretsOf(studio());
    for (const now of [madeAt + 61 * day, madeAt + 2500 * day, madeAt + 5000 * day]) {
      const { renewals } = await renewalsAt(now, secrets);
      expect(renewals.length).toBeGreaterThan(0);
      expect((await renewalsAt(now, patched(secrets, renewals))).renewals).toEqual([]);
    }
  });
});

test("given a renewal, then the patch holds the certificate's keys alone, and only for the Secret that was read", async () => {
  const { renewals } = await renewalsAt(madeAt + 60 * day, await secretsOf(studio()));
  for (const { patch } of renewals) {
    expect(patch).toMatchObject({ metadata: { resourceVersion: "7" } });
    const { metadata, data, ...rest } = patch as { metadata: object; data: object };
    expect(Object.keys(metadata)).toEqual(["resourceVersion"]);
    expect(Object.keys(data)).toEqual(["tls.crt", "tls.key", "ca.crt"]);
    expect(rest).toEqual({});
  }
});

describe("given an authority with a third of its ten years left", () => {
  test("then its certificate is renewed first, and both leaves under it, its key and all passwords stay", async () => {
    const secrets = await secretsOf(studio());
    const { renewals } = await renewalsAt(madeAt + 2434 * day, secrets);
    expect(reasons(renewals)).toEqual([
      ["studio-ca", "Due"],
      ["studio-db-tls", "AuthorityChanged"],
      ["studio-gateway-tls", "AuthorityChanged"],
    ]);
    const after = patched(secrets, renewals);
    const renewed = decoded(after.get("studio-ca") as KubeObject, "ca.crt");
    expect(renewals[0]?.patch).toEqual({ metadata: { resourceVersion: "7" }, data: { "ca.crt": expect.any(String) } });
    for (const name of ["studio-db-tls", "studio-gateway-tls"]) {
      expect(decoded(after.get(name) as KubeObject, "ca.crt")).toBe(renewed);
      // Whoever still holds the former certificate of the authority, as HAProxy does until it restarts.
      expect(certificate(after, name).verify(certificate(secrets, "studio-ca", "ca.crt").publicKey)).toBe(true);
    }
  });
});

describe("given a spec that changes", () => {
  test("when the gateway has another host, then its certificate alone is replaced, and answers to it", async () => {
    const secrets = await secretsOf(studio());
    const moved = studio({ gateway: { host: "songs.example" } });
    const { renewals } = await renewalsAt(madeAt + minute, secrets, moved);
    expect(reasons(renewals)).toEqual([["studio-gateway-tls", "HostsChanged"]]);
    const after = certificate(patched(secrets, renewals), "studio-gateway-tls");
    expect(after.checkHost("songs.example")).toBeDefined();
    expect(after.checkHost("studio.example")).toBeUndefined();
  });

  test("when the lifetime is shorter, then both are replaced at once and hold that long", async () => {
    const secrets = await secretsOf(studio());
    const short = studio({ certificates: { lifetime: "5m" } });
    const { renewals, nextInMs } = await renewalsAt(madeAt + minute, secrets, short);
    expect(reasons(renewals)).toEqual([
      ["studio-db-tls", "LifetimeShortened"],
      ["studio-gateway-tls", "LifetimeShortened"],
    ]);
    const after = patched(secrets, renewals);
    expect(certificate(after, "studio-db-tls").validToDate.getTime()).toBe(madeAt + 6 * minute);
    expect(nextInMs).toBe(2.5 * minute);
  });

  test("when the gateway's certificate is the user's from now on, then the generated one is left as it is", async () => {
    const secrets = await secretsOf(studio());
    const own = studio({ gateway: { tls: { secretName: "studio-gateway-tls" } } });
    expect(reasons((await renewalsAt(madeAt + 80 * day, secrets, own)).renewals)).toEqual([["studio-db-tls", "Due"]]);
  });
});

describe("given Secrets that somebody edited", () => {
  const edited = async (name: string, data: Record<string, string>) => {
    const secrets = await secretsOf(studio());
    const secret = secrets.get(name) as KubeObject;
    return secrets.set(name, { ...secret, data: { ...(secret.data as Record<string, string>), ...data } });
  };

  test("when a leaf is spoilt, then it is made anew", async () => {
    const secrets = await edited("studio-db-tls", { "tls.key": "bm90IFBFTQ==" });
    expect(reasons((await renewalsAt(madeAt, secrets)).renewals)).toEqual([["studio-db-tls", "Unusable"]]);
  });

  test("when the authority is spoilt, then a person is told, and nothing is replaced", async () => {
    const secrets = await edited("studio-ca", { "ca.crt": "bm90IFBFTQ==" });
    await expect(renewalsAt(madeAt, secrets)).rejects.toMatchObject({ reason: "AuthorityUnusable" });
  });

  test("when there is no authority yet, then there is nothing to renew", async () => {
    expect(await renewalsAt(madeAt, new Map())).toEqual({ renewals: [], nextInMs: undefined });
  });
});
