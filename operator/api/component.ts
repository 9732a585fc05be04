import { z } from "zod";
import { envFromSchema, envSchema } from "./environment.ts";
import { exactlyOne, field, keyedBy, objectName, quantity, resources } from "./primitives.ts";

const keyedSource = (what: string) =>
  z
    .object({ name: objectName(`Name of the ${what}.`) })
    .meta(field(`A ${what}.`))
    .optional();

const volumeSchema = z
  .object({
    name: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .meta(field("Name of the volume.")),
    mountPath: z
      .string()
      .min(1)
      .max(1024)
      .meta(
        field("Where it appears in the container.", [
          { rule: "self.startsWith('/')", message: "volumes.mountPath must be absolute: begin it with /" },
          {
            rule: "self != '/' && !self.startsWith('/etc/stemhub') && self != '/tmp'",
            message:
              "volumes.mountPath may not be /, /tmp or below /etc/stemhub, which the operator mounts itself: choose another path",
          },
        ]),
      ),
    readOnly: z.boolean().default(false).meta(field("Mounted so that nothing can be written.")),
    emptyDir: z
      .object({
        sizeLimit: quantity("Most that it may hold.").optional(),
        medium: z
          .enum(["", "Memory"])
          .default("")
          .meta(field("Memory: kept in memory, counted to the container's limit.")),
      })
      .meta(field("Empty at each start, gone with the pod."))
      .optional(),
    configMap: keyedSource("ConfigMap"),
    secret: keyedSource("Secret"),
    projected: z
      .object({
        sources: z
          .array(
            z
              .object({ configMap: keyedSource("ConfigMap"), secret: keyedSource("Secret") })
              .meta(field("One source.", [exactlyOne(["configMap", "secret"], "a projected source")])),
          )
          .min(1)
          .meta(field("What is laid together.", [], { maxItems: 16 })),
      })
      .meta(field("Several ConfigMaps and Secrets in one directory."))
      .optional(),
    claim: keyedSource("PersistentVolumeClaim"),
  })
  .meta(
    field("One volume.", [exactlyOne(["emptyDir", "configMap", "secret", "projected", "claim"], "a volumes entry")]),
  );

/** A volume of a component, defaults filled in. */
export type Volume = z.output<typeof volumeSchema>;

const probe = (what: string, path: string, periodSeconds: number, timeoutSeconds: number, failureThreshold: number) =>
  z
    .object({
      path: z
        .string()
        .max(1024)
        .default(path)
        .meta(
          field("HTTP path on the component's port; 2xx and 3xx are success.", [
            { rule: "self.startsWith('/')", message: "probes path must begin with /" },
          ]),
        ),
      periodSeconds: z.int().min(1).max(300).default(periodSeconds).meta(field("Seconds between two probes.")),
      timeoutSeconds: z.int().min(1).max(60).default(timeoutSeconds).meta(field("Seconds an answer may take.")),
      failureThreshold: z.int().min(1).max(1000).default(failureThreshold).meta(field("Failures in a row that count.")),
    })
    .prefault({})
    .meta(field(what));

/** One component: a Deployment with its Service, budget and autoscaler. */
export const componentSchema = (what: string) =>
  z
    .object({
      port: z
        .int()
        .default(8080)
        .meta(
          field("Port that it listens on.", [
            {
              rule: "self >= 1024 && self <= 65535",
              message: "port must be 1024 to 65535: containers run without root",
            },
          ]),
        ),
      command: z
        .array(z.string().max(4096))
        .meta(field("Command instead of the image's.", [], { maxItems: 64 }))
        .optional(),
      args: z
        .array(z.string().max(4096))
        .meta(field("Arguments instead of the image's.", [], { maxItems: 64 }))
        .optional(),
      env: envSchema.optional(),
      envFrom: envFromSchema.optional(),
      volumes: z
        .array(volumeSchema)
        .meta(
          field(
            "Volumes: emptyDir, configMap, secret, projected or a claim; never the node's own files.",
            [
              {
                rule: "self.all(v, self.exists_one(o, o.mountPath == v.mountPath))",
                message: "volumes.mountPath is used twice: give each volume a path of its own",
              },
            ],
            { maxItems: 16, ...keyedBy("name") },
          ),
        )
        .optional(),
      replicas: z
        .object({
          min: z.int().min(1).max(100).default(2).meta(field("Pods at least.")),
          max: z.int().min(1).max(100).meta(field("Pods at most, for autoscaling.")).optional(),
        })
        .prefault({})
        .meta(
          field("How many pods.", [
            {
              rule: "!has(self.max) || self.max >= self.min",
              message: "replicas.max must not be below replicas.min: raise max or lower min",
            },
          ]),
        ),
      autoscaling: z
        .object({
          cpuPercent: z
            .int()
            .min(1)
            .max(100)
            .meta(field("Processor use to aim at, in percent of the request."))
            .optional(),
          memoryPercent: z
            .int()
            .min(1)
            .max(100)
            .meta(field("Memory use to aim at, in percent of the request."))
            .optional(),
          scaleUpStabilizationSeconds: z
            .int()
            .min(0)
            .max(3600)
            .default(0)
            .meta(field("Seconds that a need must last before pods are added.")),
          scaleDownStabilizationSeconds: z
            .int()
            .min(0)
            .max(3600)
            .default(300)
            .meta(field("Seconds that a calm must last before pods are removed.")),
        })
        .meta(
          field("Scale between replicas.min and replicas.max by processor and memory.", [
            {
              rule: "has(self.cpuPercent) || has(self.memoryPercent)",
              message: "autoscaling needs cpuPercent, memoryPercent or both",
            },
          ]),
        )
        .optional(),
      probes: z
        .object({
          readiness: probe("Whether it gets requests.", "/readyz", 5, 2, 3),
          liveness: probe("Whether it is restarted.", "/healthz", 10, 5, 6),
          startup: probe("How long it may take to start, before the others begin.", "/healthz", 2, 2, 60),
        })
        .prefault({})
        .meta(field("How kubelet asks after it.")),
      resources: resources("Requests and limits of each pod.").prefault({
        requests: { cpu: "100m", memory: "128Mi" },
        limits: { memory: "512Mi" },
      }),
      terminationGracePeriodSeconds: z
        .int()
        .min(10)
        .max(600)
        .default(45)
        .meta(field("Seconds a pod has to finish its requests.")),
      securityContext: z
        .object({
          runAsUser: z.int().min(1).max(2_147_483_647).default(10_001).meta(field("User id; never root.")),
          runAsGroup: z.int().min(1).max(2_147_483_647).meta(field("Group id; the user's where absent.")).optional(),
          fsGroup: z
            .int()
            .min(1)
            .max(2_147_483_647)
            .meta(field("Group of its volumes; the group's where absent."))
            .optional(),
        })
        .prefault({})
        .meta(field("Whom it runs as. It can only tighten: root and more rights cannot be said.")),
    })
    .meta(
      field(what, [
        {
          rule: "!has(self.autoscaling) || (has(self.replicas.max) && self.replicas.max > self.replicas.min)",
          message: "autoscaling needs replicas.max above replicas.min: set replicas.max",
        },
      ]),
    );

/** A component, defaults filled in. */
export type Component = z.output<ReturnType<typeof componentSchema>>;
