import { z } from "zod";
import { cleanPath, exactlyOne, field, keyedBy, matching, objectName } from "./primitives.ts";
import { bytes } from "./quantities.ts";

const named = (kind: string, description: string) =>
  z
    .object({ name: objectName(`Name of the ${kind}, in this namespace.`) })
    .meta(field(description))
    .optional();

/**
 * The allow-list of volumes. What is not in it (the node's own files, above all) cannot be said: the API server prunes
 * it, and a volume without a source is refused.
 */
const volumeSchema = z
  .object({
    name: z
      .string()
      .min(1)
      .max(63)
      .meta(
        field("Name of the volume, in this component.", [
          matching(
            "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "volumes.name must be small letters, digits and -, with a letter or digit at both ends: write it like cache",
          ),
          {
            rule: "!self.startsWith('stemhub-') && !(self in ['database-ca', 'storage-ca'])",
            message:
              "volumes.name may not be database-ca, storage-ca or begin with stemhub-, which are the operator's: choose another name",
          },
        ]),
      ),
    mountPath: z
      .string()
      .min(1)
      .max(1024)
      .meta(
        field(
          "Where it appears in the container. / and /etc as a whole, /tmp and what is below /etc/stemhub are the operator's.",
          [
            cleanPath("volumes.mountPath"),
            {
              rule: "!self.matches('(^|/)[.][.]?(/|$)')",
              message: "volumes.mountPath may not hold . or .. as a part: write the path that it leads to",
            },
            {
              rule: "!self.matches('^(/|/etc|/tmp|/etc/stemhub|/etc/stemhub/.*)$')",
              message:
                "volumes.mountPath may not be /, /etc, /tmp or below /etc/stemhub, which the operator mounts itself: choose another path",
            },
          ],
        ),
      ),
    readOnly: z.boolean().default(false).meta(field("Whether the container may only read it.")),
    emptyDir: z
      .object({
        sizeLimit: bytes(
          "Most that it may hold; over it, the pod is replaced. Without it, the node's disk is the limit.",
          "1Mi",
        ).optional(),
        medium: z
          .enum(["", "Memory"])
          .default("")
          .meta(
            field("Memory: kept in memory, and counted to the container's memory limit. Empty: on the node's disk."),
          ),
      })
      .meta(field("An empty directory for each pod, gone with it. {} takes the defaults."))
      .optional(),
    configMap: named("ConfigMap", "The keys of a ConfigMap as files; a change appears in running pods after a while."),
    secret: named("Secret", "The keys of a Secret as files; a change appears in running pods after a while."),
    projected: z
      .object({
        sources: z
          .array(
            z
              .object({
                configMap: named("ConfigMap", "The keys of a ConfigMap."),
                secret: named("Secret", "The keys of a Secret."),
              })
              .meta(
                field("One source, exactly one of configMap and secret.", [
                  exactlyOne(["configMap", "secret"], "a projected source"),
                ]),
              ),
          )
          .min(1)
          .meta(field("What is laid together.", [], { maxItems: 16 })),
      })
      .meta(field("Several ConfigMaps and Secrets in one directory."))
      .optional(),
    claim: named("PersistentVolumeClaim", "A volume that you have made; all pods of the component mount the same one."),
  })
  .meta(
    field("One volume, from exactly one of emptyDir, configMap, secret, projected and claim.", [
      exactlyOne(["emptyDir", "configMap", "secret", "projected", "claim"], "a volumes entry"),
    ]),
  );

/** A volume of a component, defaults filled in. */
export type Volume = z.output<typeof volumeSchema>;

/** The volumes of a component; a name and a path may appear once. */
export const volumesSchema = z.array(volumeSchema).meta(
  field(
    "Volumes: emptyDir, configMap, secret, projected or a claim; never the node's own files. The container's own file system is read-only but for /tmp.",
    [
      {
        rule: "self.all(v, self.exists_one(o, o.mountPath == v.mountPath))",
        message: "volumes.mountPath is used twice: give each volume a path of its own",
      },
    ],
    { maxItems: 16, ...keyedBy("name") },
  ),
);
