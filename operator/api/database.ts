import { z } from "zod";
import { field, objectName } from "./primitives.ts";
import { bytes, resources } from "./quantities.ts";

/** The replicated PostgreSQL. */
export const databaseSchema = z
  .object({
    version: z
      .int()
      .default(17)
      .meta(
        field("Major version of PostgreSQL. Minor versions come with the operator's image.", [
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
        field("Members: 1 for a demo, 3 to survive the loss of any one. It can be raised, not reduced.", [
          {
            rule: "self in [1, 3]",
            message: "database.instances must be 1 or 3: two members cannot agree on a primary when one is lost",
          },
          {
            // Of 1 and 3 there is one way down, so the message can name both.
            rule: "self >= oldSelf",
            message:
              "database.instances cannot be reduced from 3 to 1: members are not removed; keep 3, or make a new StemHub and move the data",
          },
        ]),
      ),
    storage: z
      .object({
        size: bytes("Size of each member's volume, for data and write-ahead log. It cannot change.", "256Mi", [
          {
            rule: "self == oldSelf",
            message: "database.storage.size cannot change: volumes are not resized yet; keep the former size",
            messageExpression:
              "'database.storage.size cannot change from ' + string(oldSelf) + ' to ' + string(self) + ': volumes are not resized yet; keep ' + string(oldSelf)",
          },
        ]).default("10Gi"),
        className: objectName(
          "StorageClass of the volumes; the cluster's default where absent. It cannot change.",
        ).optional(),
      })
      .prefault({})
      .meta(
        field("The volume of each member.", [
          {
            rule: "has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
            message:
              "database.storage.className cannot change: volumes do not move between classes; keep the former one",
          },
        ]),
      ),
    resources: resources(
      "Requests and limits of each member; where absent, requests of 250m and 256Mi and a limit of 1Gi.",
    ).optional(),
    synchronous: z
      .enum(["required", "preferred"])
      .default("required")
      .meta(
        field(
          "What an acknowledged write means, with three members. required: a write that no replica holds is not acknowledged, so that a failover loses nothing; with both replicas gone, none is. preferred: with both replicas gone, writes go on, and a failover may lose them. With one member it has no meaning.",
        ),
      ),
  })
  .meta(
    field(
      "The replicated PostgreSQL, with generated logins and TLS between all parts. {} takes all defaults: three members of 10Gi.",
    ),
  );
