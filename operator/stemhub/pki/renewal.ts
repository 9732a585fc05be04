import { createPrivateKey, X509Certificate } from "node:crypto";
import { authorityLifetimeMs, backdateMs, certificateHosts, type KeyPair } from "./certificates.ts";

/**
 * What a certificate's end must stay ahead of, however short its lifetime: kubelet brings a changed Secret into a pod
 * within 90 s (its sync of 60 s, with jitter), the watch beside the server looks every 5 s, Patroni takes signals between two
 * rounds of 3 s, and another operator may have to take over first (15 s).
 * Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#mounted-configmaps-are-updated-automatically
 */
const uptakeMs = 150_000;

/** Why a certificate is replaced. */
export type RenewalReason =
  /** It cannot be read, or its key is not its own. */
  | "Unusable"
  /** The authority has another certificate than the one it was signed under. */
  | "AuthorityChanged"
  /** It answers to other hosts than it should. */
  | "HostsChanged"
  /** It was made to hold longer than the spec allows by now. */
  | "LifetimeShortened"
  /** So little of its lifetime is left that it is time. */
  | "Due";

/** A leaf as it is, and what it should be. */
export interface LeafFacts extends KeyPair {
  /** The authority's certificate that lies beside it. */
  readonly authorityBeside: string;
  readonly wanted: { readonly authority: string; readonly hosts: readonly string[]; readonly lifetimeMs: number };
  readonly now: number;
}

/** Replace it now, or look again then. */
export type RenewalDecision =
  | { readonly renew: true; readonly reason: RenewalReason }
  | { readonly renew: false; readonly dueInMs: number };

type Rule = (leaf: LeafFacts) => boolean;

/** The first rule that speaks names the reason. What must be readable for the later ones comes first. */
const rules: readonly (readonly [RenewalReason, Rule])[] = [
  ["Unusable", ({ certificate, key }) => !isPair({ certificate, key })],
  ["AuthorityChanged", ({ authorityBeside, wanted }) => authorityBeside !== wanted.authority],
  ["AuthorityChanged", ({ certificate, wanted }) => !isSignedBy(certificate, wanted.authority)],
  ["HostsChanged", ({ certificate, wanted }) => !sameMembers(certificateHosts(certificate), wanted.hosts)],
  ["LifetimeShortened", ({ certificate, wanted }) => madeForMs(certificate) > wanted.lifetimeMs],
  ["Due", ({ certificate, wanted, now }) => dueAt(certificate, wanted.lifetimeMs) <= now],
];

/** Whether a leaf is replaced, and why; else when it is due. */
export function decideRenewal(leaf: LeafFacts): RenewalDecision {
  for (const [reason, speaks] of rules) if (speaks(leaf)) return { renew: true, reason };
  return { renew: false, dueInMs: dueAt(leaf.certificate, leaf.wanted.lifetimeMs) - leaf.now };
}

/** The same of an authority's own certificate, which only time ends. Errors: when it cannot be read. */
export function decideAuthorityRenewal(certificate: string, now: number): RenewalDecision {
  const dueInMs = dueAt(certificate, authorityLifetimeMs) - now;
  return dueInMs <= 0 ? { renew: true, reason: "Due" } : { renew: false, dueInMs };
}

/** How long before its end a certificate is replaced: a third of its lifetime, as cert-manager does. */
export function renewBeforeMs(lifetimeMs: number): number {
  return Math.max(lifetimeMs / 3, uptakeMs);
}

/** Whether both can be read and belong together. */
export function isPair({ certificate, key }: KeyPair): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    // OpenSSL's words for what is no PEM help nobody: it is replaced, or a person is told where to look.
    return false;
  }
}

/** When a certificate ends, in ms since 1970. */
export function endsAt(certificate: string): number {
  return new X509Certificate(certificate).validToDate.getTime();
}

function dueAt(certificate: string, lifetimeMs: number): number {
  return endsAt(certificate) - renewBeforeMs(lifetimeMs);
}

/** By its own two dates, so that no clock has a say. */
function madeForMs(certificate: string): number {
  return endsAt(certificate) - new X509Certificate(certificate).validFromDate.getTime() - backdateMs;
}

function isSignedBy(certificate: string, authority: string): boolean {
  const [leaf, issuer] = [new X509Certificate(certificate), new X509Certificate(authority)];
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
}

function sameMembers(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
