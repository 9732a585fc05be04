import { z } from "zod";
import { envFromSchema, envSchema } from "./environment.ts";
import { field, matching } from "./primitives.ts";
import { resources } from "./quantities.ts";
import { volumesSchema } from "./volume.ts";

interface ProbeDefaults {
  readonly path: string;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

const probe = (what: string, defaults: ProbeDefaults) =>
  z
    .object({
      path: z
        .string()
        .max(1024)
        .default(defaults.path)
        .meta(
          field("HTTP path on the component's port, asked with GET; 2xx and 3xx are success.", [
            matching("^/[^ ]*$", "probes path must begin with / and hold no space: write it like /healthz"),
          ]),
        ),
      periodSeconds: z
        .int()
        .min(1)
        .max(300)
        .default(defaults.periodSeconds)
        .meta(field("Seconds from one probe to the next.")),
      timeoutSeconds: z
        .int()
        .min(1)
        .max(60)
        .default(defaults.timeoutSeconds)
        .meta(field("Seconds that an answer may take; over it, the probe has failed.")),
      failureThreshold: z
        .int()
        .min(1)
        .max(1000)
        .default(defaults.failureThreshold)
        .meta(field("How many probes must fail in a row to count.")),
    })
    .prefault({})
    .meta(field(what));

const probesSchema = z
  .object({
    readiness: probe("Whether a pod gets requests. It may fail for a while, such as when the database is away.", {
      path: "/readyz",
      periodSeconds: 5,
      timeoutSeconds: 2,
      failureThreshold: 3,
    }),
    liveness: probe("Whether a container is restarted. It should say that the process is stuck, and nothing else.", {
      path: "/healthz",
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    }),
    startup: probe(
      "How long a container may take to start, before the other two begin: periodSeconds times failureThreshold.",
      {
        path: "/healthz",
        periodSeconds: 2,
        timeoutSeconds: 2,
        failureThreshold: 60,
      },
    ),
  })
  .prefault({})
  .meta(field("How the health of its pods is asked for, over HTTP."));

const replicasSchema = z
  .object({
    min: z.int().min(1).max(100).default(2).meta(field("Pods at least; without autoscaling, the number of pods.")),
    max: z.int().min(1).max(100).meta(field("Pods at most, for autoscaling; the same as min where absent.")).optional(),
  })
  .prefault({})
  .meta(
    field("How many pods.", [
      {
        rule: "!has(self.max) || self.max >= self.min",
        message: "replicas.max must not be below replicas.min: raise max or lower min",
      },
    ]),
  );

const percent = (what: string) => z.int().min(1).max(100).meta(field(what)).optional();

const autoscalingSchema = z
  .object({
    cpuPercent: percent("Processor use to keep to on average, in percent of resources.requests.cpu."),
    memoryPercent: percent("Memory use to keep to on average, in percent of resources.requests.memory."),
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
    field("Scales between replicas.min and replicas.max by processor, memory or both; absent: no scaling.", [
      {
        rule: "has(self.cpuPercent) || has(self.memoryPercent)",
        message: "autoscaling needs cpuPercent, memoryPercent or both: set the percentage to keep to",
      },
    ]),
  );

const identity = (what: string) =>
  z
    .int()
    .max(2_147_483_647)
    .meta(
      field(what, [
        {
          rule: "self >= 1",
          message: "securityContext ids must be 1 or more, since nothing here runs as root: name another id",
        },
      ]),
    );

const securityContextSchema = z
  .object({
    runAsUser: identity("User id that the processes run as; never root.").default(10_001),
    runAsGroup: identity("Group id that the processes run as; the same as runAsUser where absent.").optional(),
    fsGroup: identity("Group that its volumes belong to; the same as runAsGroup where absent.").optional(),
  })
  .prefault({})
  .meta(field("Whom it runs as. It can only tighten: root, privileges and capabilities cannot be said."));

/** A percentage of a request is of no use without the request; a limit stands for it, as Kubernetes has it. */
const scalesBy = (percentage: string, amount: string) => ({
  rule:
    `!has(self.autoscaling) || !has(self.autoscaling.${percentage}) || ` +
    `has(self.resources.requests) && has(self.resources.requests.${amount}) || ` +
    `has(self.resources.limits) && has(self.resources.limits.${amount})`,
  message: `autoscaling.${percentage} is a percentage of resources.requests.${amount}, which is missing: set it`,
});

/** One component: a Deployment with its Service, budget and autoscaler. */
export const componentSchema = (what: string) =>
  z
    .object({
      port: z
        .int()
        .default(8080)
        .meta(
          field("Port that the container listens on, for HTTP; also the port of its Service.", [
            {
              rule: "self >= 1024 && self <= 65535",
              message: "port must be 1024 to 65535, since containers run without root: let the app listen on another",
            },
          ]),
        ),
      command: z
        .array(z.string().max(4096))
        .meta(field("Command instead of the image's entry point.", [], { maxItems: 64 }))
        .optional(),
      args: z
        .array(z.string().max(4096))
        .meta(field("Arguments instead of the image's.", [], { maxItems: 64 }))
        .optional(),
      env: envSchema.optional(),
      envFrom: envFromSchema.optional(),
      volumes: volumesSchema.optional(),
      replicas: replicasSchema,
      autoscaling: autoscalingSchema.optional(),
      probes: probesSchema,
      resources: resources("Requests and limits of each pod. Setting it replaces the default as a whole.").prefault({
        requests: { cpu: "100m", memory: "128Mi" },
        limits: { memory: "512Mi" },
      }),
      terminationGracePeriodSeconds: z
        .int()
        .min(10)
        .max(600)
        .default(45)
        .meta(field("Seconds that a pod has to finish its requests after it was told to end; then it is killed.")),
      securityContext: securityContextSchema,
    })
    .meta(
      field(`${what} {} takes all defaults.`, [
        {
          rule: "!has(self.autoscaling) || (has(self.replicas.max) && self.replicas.max > self.replicas.min)",
          message: "autoscaling needs replicas.max above replicas.min: set replicas.max",
        },
        scalesBy("cpuPercent", "cpu"),
        scalesBy("memoryPercent", "memory"),
      ]),
    );

/** A component, defaults filled in. */
export type Component = z.output<ReturnType<typeof componentSchema>>;
export type { Volume } from "./volume.ts";
