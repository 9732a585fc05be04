import { z } from "zod";

/** A CEL rule of a CRD: refused by the API server with `message`, which names the field and says what to change. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** A CEL expression that says the same with the values at hand; the API server falls back to `message`. */
  readonly messageExpression?: string;
}

/** Metadata of a field: its description for kubectl explain, and its rules. */
export function field(description: string, rules: readonly CelRule[] = [], more: Record<string, unknown> = {}) {
  return { description, ...(rules.length > 0 ? { "x-kubernetes-validations": rules } : {}), ...more };
}

/** A list whose items are told apart by keys: server-side apply merges it item by item, and a key twice is refused. */
export function keyedBy(...keys: string[]) {
  return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys };
}

/** The rule that exactly one of some optional fields is set: how a union is said in a structural schema. */
export function exactlyOne(fields: readonly string[], where: string): CelRule {
  const count = fields.map((name) => `(has(self.${name}) ? 1 : 0)`).join(" + ");
  return { rule: `${count} == 1`, message: `${where} needs exactly one of ${fields.join(", ")}` };
}

/**
 * The rule that a text has a form. In CEL and not as `pattern`, since the API server's own words for a pattern are the
 * pattern, which tells nobody what to write instead. `form` is RE2, without quotes and backslashes.
 */
export function matching(form: string, message: string): CelRule {
  return { rule: `self.matches('${form}')`, message };
}

const dnsLabel = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/** A DNS name in small letters: labels with dots between. */
export const dnsName = `^${dnsLabel}([.]${dnsLabel})*$`;

/** The name of a Secret, ConfigMap, claim or class. */
export function objectName(what: string) {
  return z
    .string()
    .min(1)
    .max(253)
    .meta(
      field(what, [
        matching(
          dnsName,
          "a name must be small letters, digits, - and ., with a letter or digit at both ends: write the object's metadata.name",
        ),
      ]),
    );
}

/** A key of a Secret or ConfigMap. */
export function dataKey(what: string) {
  return z
    .string()
    .min(1)
    .max(253)
    .meta(
      field(what, [
        matching("^[-._a-zA-Z0-9]+$", "key may hold letters, digits and - _ . only: write a key of its data"),
      ]),
    );
}

/** An image with a tag or a digest. `latest` is refused: what runs must be the same tomorrow. */
export function imageReference(what: string) {
  const name = "[A-Za-z0-9][A-Za-z0-9._/-]*(:[0-9]+/[A-Za-z0-9._/-]+)?";
  const tag = ":[A-Za-z0-9_][A-Za-z0-9_.-]*";
  const digest = "@sha256:[0-9a-f]{64}";
  return z
    .string()
    .min(1)
    .max(500)
    .meta(
      field(`${what} With a tag other than latest, or a digest: registry.example.com/app:1.4.0.`, [
        matching(
          `^${name}(${tag}|(${tag})?${digest})$`,
          "an image needs a tag or a digest: write name:1.2.3 or name@sha256: and 64 hexadecimal digits",
        ),
        {
          rule: "!self.endsWith(':latest')",
          message: "an image may not be :latest, which changes under you: name a version or a digest",
        },
      ]),
    );
}

/** An absolute path in a container, written in one way only, so that two of them can be compared. */
export const cleanPath = (what: string) =>
  matching(
    "^/([^/:]+(/[^/:]+)*)?$",
    `${what} must be absolute, without : and without / at its end: write it like /data`,
  );
