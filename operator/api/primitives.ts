import { z } from "zod";

/** A CEL rule of a CRD: refused by the API server with `message`, which names the field and says what to change. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** Where the refusal points, relative to the rule's place, e.g. `.images`. */
  readonly fieldPath?: string;
}

/** Metadata of a field: its description for kubectl explain, and its rules. */
export function field(description: string, rules: readonly CelRule[] = [], more: Record<string, unknown> = {}) {
  return { description, ...(rules.length > 0 ? { "x-kubernetes-validations": rules } : {}), ...more };
}

/** A list whose items are told apart by keys: server-side apply merges it item by item, and a key twice is refused. */
export function keyedBy(...keys: string[]) {
  return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys };
}

/** A DNS label or subdomain: the name of a Secret, ConfigMap, claim or class. */
export function objectName(what: string) {
  return z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .meta(field(what));
}

/** A key of a Secret or ConfigMap. */
export function dataKey(what: string) {
  return z
    .string()
    .min(1)
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/)
    .meta(field(what));
}

/** An image with a tag or a digest. `latest` is refused: what runs must be the same tomorrow. */
export function imageReference(what: string) {
  return z
    .string()
    .min(1)
    .max(500)
    .meta(
      field(what, [
        {
          rule: "self.contains('@sha256:') || self.matches('^[^ ]+:[A-Za-z0-9_][A-Za-z0-9_.-]*$') && !self.matches(':[0-9]+/[^:]*$')",
          message: "an image needs a tag or a digest: write name:1.2.3 or name@sha256:…",
        },
        {
          rule: "!self.endsWith(':latest')",
          message: "an image may not be :latest, which changes under you: name a version or a digest",
        },
      ]),
    );
}

/** A quantity of Kubernetes: `500m`, `512Mi`, `2`. */
export function quantity(what: string) {
  return z.union([z.int(), z.string().regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/)]).meta(
    field(
      what,
      [
        {
          rule: "quantity(string(self)).compareTo(quantity('0')) > 0",
          message: "a quantity must be more than zero, like 500m or 512Mi",
        },
      ],
      {
        "x-kubernetes-int-or-string": true,
        pattern: "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
        maxLength: 32,
      },
    ),
  );
}

/** Requests and limits of a container, for cpu and memory. */
export function resources(what: string) {
  const amounts = (description: string) =>
    z
      .object({
        cpu: quantity("Processor, in cores or thousandths: 500m.").optional(),
        memory: quantity("Memory in bytes: 512Mi.").optional(),
      })
      .meta(field(description));
  return z
    .object({
      requests: amounts("What the scheduler reserves.").optional(),
      limits: amounts("What the container may not exceed; over its memory it is killed.").optional(),
    })
    .meta(
      field(what, [
        {
          rule: "!(has(self.requests) && has(self.limits)) || ((!has(self.requests.memory) || !has(self.limits.memory) || quantity(string(self.requests.memory)).compareTo(quantity(string(self.limits.memory))) <= 0) && (!has(self.requests.cpu) || !has(self.limits.cpu) || quantity(string(self.requests.cpu)).compareTo(quantity(string(self.limits.cpu))) <= 0))",
          message: "resources.requests may not exceed resources.limits: lower the request or raise the limit",
        },
      ]),
    );
}

/** The rule that exactly one of some optional fields is set: how a union is said in a structural schema. */
export function exactlyOne(fields: readonly string[], where: string): CelRule {
  const count = fields.map((name) => `(has(self.${name}) ? 1 : 0)`).join(" + ");
  return { rule: `${count} == 1`, message: `${where} needs exactly one of ${fields.join(", ")}` };
}
