import { z } from "zod";
import { field, objectName, quantity, resources } from "./primitives.ts";

/** The replicated PostgreSQL. */
export const databaseSchema = z
  .object({
    version: z
      .int()
      .default(17)
      .meta(
        field("Major version of PostgreSQL.", [
          {
            rule: "self == 17",
            message: "database.version must be 17, the one major version that the operator's image holds",
          },
          {
            rule: "self == oldSelf",
            message:
              "database.version cannot change: a major upgrade is not supported; make a new StemHub and move the data",
          },
        ]),
      ),
    instances: z
      .int()
      .default(3)
      .meta(
        field("Members: 1 for a demo, 3 to survive the loss of any one.", [
          {
            rule: "self in [1, 3]",
            message: "database.instances must be 1 or 3: two members cannot agree on a primary when one is lost",
          },
          { rule: "self >= oldSelf", message: "database.instances cannot be reduced: keep it, or make a new StemHub" },
        ]),
      ),
    storage: z
      .object({
        size: quantity("Size of each member's volume.")
          .default("10Gi")
          .meta(
            field(
              "Size of each member's volume.",
              [
                {
                  rule: "self == oldSelf",
                  message: "database.storage.size cannot change: volumes are not resized yet; keep the former size",
                },
                {
                  rule: "quantity(string(self)).compareTo(quantity('256Mi')) >= 0",
                  message: "database.storage.size must be at least 256Mi",
                },
              ],
              {
                "x-kubernetes-int-or-string": true,
                pattern: "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
                maxLength: 32,
              },
            ),
          ),
        className: objectName("StorageClass; the cluster's default where absent.").optional(),
      })
      .prefault({})
      .meta(
        field("Where the data lives.", [
          {
            rule: "has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
            message:
              "database.storage.className cannot change: volumes do not move between classes; keep the former one",
          },
        ]),
      ),
    resources: resources("Requests and limits of each member.").optional(),
    synchronous: z
      .enum(["required", "preferred"])
      .default("required")
      .meta(
        field(
          "With three members. required: a write that no replica holds is not acknowledged, so that a failover loses nothing. preferred: with all replicas gone, writes go on without that promise.",
        ),
      ),
  })
  .meta(field("The replicated PostgreSQL."));
