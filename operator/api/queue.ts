import { z } from "zod";
import { field, objectName } from "./primitives.ts";
import { bytes, resources } from "./quantities.ts";

/** The write queue: what waits while the database takes no writes. */
export const queueSchema = z
  .object({
    replicas: z
      .int()
      .default(3)
      .meta(
        field("Servers that keep each write: 1 for a demo, 3 to survive the loss of any one.", [
          { rule: "self in [1, 3]", message: "queue.replicas must be 1 or 3: two servers survive no more than one" },
          {
            rule: "self == oldSelf",
            message: "queue.replicas cannot change: writes may be waiting; keep the former number",
          },
        ]),
      ),
    storage: z
      .object({
        size: bytes(
          "Size of each server's volume. Half of it is for writes that wait; the rest is for what becomes of them.",
          "128Mi",
        ).default("1Gi"),
        className: objectName("StorageClass of the volumes; the cluster's default where absent.").optional(),
      })
      .prefault({})
      .meta(
        field("The volume of each server.", [
          {
            // The rule is tried on the default {}, before what is below it has its own.
            rule: "has(self.size) == has(oldSelf.size) && (!has(self.size) || string(self.size) == string(oldSelf.size)) && has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
            message: "queue.storage cannot change: a StatefulSet's volumes are made once; keep the former values",
          },
        ]),
      ),
    limits: z
      .object({
        bodySize: bytes("Most that one write's body may hold; a larger one is not queued.", "1Ki")
          .default("1Mi")
          .meta(
            field(
              "Most that one write's body may hold, 4Mi at the most; a larger one is not queued.",
              [
                {
                  rule: "string(self).matches('^[0-9]+([.][0-9]+)?(k|M|Ki|Mi)?$') && quantity(string(self)).compareTo(quantity('1Ki')) >= 0 && quantity(string(self)).compareTo(quantity('4Mi')) <= 0",
                  message:
                    "queue.limits.bodySize must be 1Ki to 4Mi, since NATS takes a write as one message: write it like 512Ki",
                },
              ],
              { "x-kubernetes-int-or-string": true, maxLength: 32 },
            ),
          ),
        count: z
          .int()
          .min(1)
          .max(100_000)
          .default(10_000)
          .meta(field("Writes that may wait, dead letters included; over it, writes are answered with 503.")),
        ageHours: z
          .int()
          .min(1)
          .max(168)
          .default(24)
          .meta(
            field(
              "Hours that a write may wait; then it is a dead letter. For as long, what was applied is remembered, so that its key gets the same answer again.",
            ),
          ),
      })
      .prefault({})
      .meta(field("Bounds of what waits.")),
    drainSeconds: z
      .int()
      .min(10)
      .max(3_600)
      .default(300)
      .meta(
        field(
          "Seconds that the database may be Draining once it takes writes again: so long, writes of what has some queued are queued behind them. After that the mode is Normal and what is left is applied beside new writes, which may overtake it.",
        ),
      ),
    resources: resources(
      "Requests and limits of each server and of the queue's pods; absent: 20m, 96Mi, at most 512Mi.",
    ).optional(),
  })
  .meta(
    field(
      "Keeps writes of routes with writes: Queue while the database takes none, and applies them when it does again. {} takes all defaults. It cannot be removed later.",
    ),
  );

/** The queue's block, defaults filled in. */
export type QueueSpec = z.output<typeof queueSchema>;

/** How a route's writes are queued. */
export const routeQueueSchema = z
  .object({
    aggregate: z
      .string()
      .min(1)
      .max(256)
      .meta(
        field(
          "What belongs together: its writes are applied one after the other. A path like /api/projects/{id}, of which each name in braces stands for one segment; or one word for all writes of the route.",
          [
            {
              rule: "self.matches('^(/([A-Za-z0-9._~-]+|[{][a-z][A-Za-z0-9]*[}]))+$') || self.matches('^[A-Za-z0-9._-]+$')",
              message:
                "gateway.routes.queue.aggregate must be a path like /api/projects/{id}, without / at its end, or one word: write it so",
            },
          ],
        ),
      ),
    idempotency: z
      .enum(["key", "none"])
      .default("none")
      .meta(
        field(
          "Whether the component makes the change of one Idempotency-Key once, however often it comes. key: a write whose answer was lost is sent again. none: it becomes a dead letter, outcome unknown.",
        ),
      ),
  })
  .meta(field("How this route's writes are queued; needs writes: Queue."));
