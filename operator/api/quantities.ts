import { z } from "zod";
import { type CelRule, field } from "./primitives.ts";

/*
 * Quantities of Kubernetes. The API server takes a number or a text for them, judged by CEL alone: zod lets through
 * whatever the CRD let through, so that the operator can read every object that there is.
 */

/** A quantity of at least `atLeast` in the form of `form`; both are said in `message`. */
function quantity(what: string, form: string, atLeast: string, message: string) {
  const rule = `string(self).matches('${form}') && quantity(string(self)).compareTo(quantity('${atLeast}')) >= 0`;
  return z
    .union([z.int(), z.string().max(32)])
    .meta(field(what, [{ rule, message }], { "x-kubernetes-int-or-string": true, maxLength: 32 }));
}

/** Processor time: `2`, `0.5`, `500m`. */
export function cpu(what: string) {
  const message = "cpu must be cores or thousandths of one, more than zero: write it like 2 or 500m";
  return quantity(what, "^([0-9]+|[0-9]+[.][0-9]{1,3}|[0-9]+m)$", "1m", message);
}

/**
 * A number of bytes: `512Mi`, `10Gi`. The suffix m (thousandths) is refused: who writes 512m for memory means 512Mi, and
 * Kubernetes would take it for half a byte.
 */
export function bytes(what: string, atLeast: string) {
  return quantity(
    what,
    "^[0-9]+([.][0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
    atLeast,
    `a size must be bytes, at least ${atLeast}: write it like 512Mi or 10Gi`,
  );
}

/** Requests and limits of a container, for cpu and memory. */
export function resources(what: string) {
  const amounts = (description: string) =>
    z
      .object({
        cpu: cpu("Processor, in cores or thousandths of one: 500m.").optional(),
        memory: bytes("Memory, in bytes: 512Mi.", "1Mi").optional(),
      })
      .meta(field(description));
  const noMore = (name: "cpu" | "memory"): CelRule => ({
    rule:
      `!has(self.requests) || !has(self.limits) || !has(self.requests.${name}) || !has(self.limits.${name}) || ` +
      `quantity(string(self.requests.${name})).compareTo(quantity(string(self.limits.${name}))) <= 0`,
    message: `resources.requests.${name} may not exceed resources.limits.${name}: lower the request or raise the limit`,
  });
  return z
    .object({
      requests: amounts("What the scheduler sets aside on a node; autoscaling counts in percent of it.").optional(),
      limits: amounts(
        "What may not be exceeded: over its memory a container is killed, over its cpu it waits.",
      ).optional(),
    })
    .meta(field(what, [noMore("cpu"), noMore("memory")]));
}
