import { describe, expect, test } from "vitest";
import { authorityLifetimeMs, createAuthority, issueCertificate, renewAuthority } from "./certificates.ts";
import { decideAuthorityRenewal, decideRenewal, type LeafFacts, renewBeforeMs } from "./renewal.ts";

const issuedAt = Date.parse("2026-01-15T12:00:00Z");
const minute = 60_000;
const day = 86_400_000;
const lifetimeMs = 90 * day;
const hosts = ["a.svc", "*.b.svc"];
const authority = await createAuthority("studio", issuedAt);
const stranger = await createAuthority("studio", issuedAt);
const leaf = await issueCertificate(authority, hosts, { now: issuedAt, lifetimeMs });

/** A leaf as it was issued, a minute later, with something of it changed. */
function facts(change: Partial<LeafFacts> = {}, wanted: Partial<LeafFacts["wanted"]> = {}): LeafFacts {
  const asIssued = { authority: authority.certificate, hosts, lifetimeMs };
  return {
    ...leaf,
    authorityBeside: authority.certificate,
    now: issuedAt + minute,
    ...change,
    wanted: { ...asIssued, ...wanted },
  };
}

test("given a certificate as it should be, then it stays until a third of its lifetime is left", () => {
  expect(decideRenewal(facts())).toEqual({ renew: false, dueInMs: 60 * day - minute });
});

describe("given a certificate, then it is replaced", () => {
  test.each<[string, LeafFacts, string]>([
    ["when a third is left", facts({ now: issuedAt + 60 * day }), "Due"],
    ["when it has ended", facts({ now: issuedAt + 100 * day }), "Due"],
    ["when the lifetime is shorter by now", facts({}, { lifetimeMs: 89 * day }), "LifetimeShortened"],
    ["when the lifetime is so long by now that this one has little of it", facts({}, { lifetimeMs: 300 * day }), "Due"],
    ["when a host is new", facts({}, { hosts: [...hosts, "c.svc"] }), "HostsChanged"],
    ["when a host is gone", facts({}, { hosts: ["a.svc"] }), "HostsChanged"],
    ["when another authority is to sign", facts({}, { authority: stranger.certificate }), "AuthorityChanged"],
    ["when another's certificate lies beside it", facts({ authorityBeside: stranger.certificate }), "AuthorityChanged"],
    ["when it is not there", facts({ certificate: "" }), "Unusable"],
    ["when its key is not there", facts({ key: "" }), "Unusable"],
    ["when its key is another's", facts({ key: stranger.key }), "Unusable"],
    [
      "when several things are wrong, for the first of the rules",
      facts({ certificate: "not PEM", authorityBeside: "", now: issuedAt + 100 * day }, { hosts: [] }),
      "Unusable",
    ],
  ])("%s", (_, given, reason) => {
    expect(decideRenewal(given)).toEqual({ renew: true, reason });
  });

  test("when it was signed by another than what lies beside it", () => {
    const wanted = { authority: stranger.certificate };
    expect(decideRenewal(facts({ authorityBeside: stranger.certificate }, wanted))).toMatchObject({
      reason: "AuthorityChanged",
    });
  });
});

test("given the same hosts in another order, then it stays", () => {
  expect(decideRenewal(facts({}, { hosts: hosts.toReversed() }))).toMatchObject({ renew: false });
});

test("given a clock that went back to before it was issued, then it stays: no clock makes a lifetime longer", () => {
  expect(decideRenewal(facts({ now: issuedAt - day }))).toMatchObject({ renew: false });
});

test.each([
  ["90 days", 90 * day, 30 * day],
  ["an hour", 60 * minute, 20 * minute],
  ["the shortest there is", 5 * minute, 2.5 * minute],
])(
  "given a lifetime of %s, then it is renewed so long before its end that pods take it up in time",
  (_, ms, before) => {
    expect(renewBeforeMs(ms)).toBe(before);
  },
);

describe("given an authority", () => {
  const third = authorityLifetimeMs / 3;

  test("when more than a third of its ten years is left, then it stays", () => {
    expect(decideAuthorityRenewal(authority.certificate, issuedAt)).toEqual({ renew: false, dueInMs: 2 * third });
  });

  test("when a third is left, then it is renewed, once", async () => {
    const then = issuedAt + 2 * third;
    expect(decideAuthorityRenewal(authority.certificate, then)).toEqual({ renew: true, reason: "Due" });
    const { certificate } = await renewAuthority(authority, then);
    expect(decideAuthorityRenewal(certificate, then)).toMatchObject({ renew: false });
  });

  test("when it was renewed, then what it signed before is replaced, so that the new one lies beside it", async () => {
    const { certificate } = await renewAuthority(authority, issuedAt + 2 * third);
    expect(decideRenewal(facts({}, { authority: certificate }))).toEqual({ renew: true, reason: "AuthorityChanged" });
  });
});
