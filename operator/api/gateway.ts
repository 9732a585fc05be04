import { z } from "zod";
import { filesSchema } from "./files.ts";
import { dnsName, exactlyOne, field, keyedBy, matching, objectName } from "./primitives.ts";
import { bytes } from "./quantities.ts";
import { routeQueueSchema } from "./queue.ts";
import { componentNames } from "./release.ts";

const nodePort = (what: string) =>
  z
    .int()
    .meta(
      field(what, [
        {
          rule: "self >= 30000 && self <= 32767",
          message: "a node port must be 30000 to 32767: choose one that is free, or remove it to have one chosen",
        },
      ]),
    )
    .optional();

const timeout = z.int().min(1).max(3600);

const urlPath = (name: string, what: string) =>
  z
    .string()
    .min(1)
    .max(256)
    .meta(
      field(what, [
        matching(
          "^/[A-Za-z0-9._~/-]*$",
          `gateway.routes.${name} must begin with / and hold letters, digits and . _ ~ - / only: write it like /api/`,
        ),
        {
          rule: "!self.startsWith('/.well-known/stemhub')",
          message: `gateway.routes.${name} may not be below /.well-known/stemhub, which the gateway answers itself: choose another`,
        },
      ]),
    );

/** Capabilities that a route can name; the database is every route's, unless its `writes` say Pass. */
export const routeCapabilities = ["storage", "collaboration", "dawParsing", "auth"] as const;

/** What becomes of a route's writes while the database takes none. */
export const writesMarks = ["Refuse", "Queue", "Critical", "Pass"] as const;

const routeSchema = z
  .object({
    path: urlPath(
      "path",
      "Prefix of the request's path, which is passed on whole; the longest that fits wins. A prefix may appear once.",
    ),
    component: z.enum(componentNames).meta(field("Component that answers; it must be in components.")).optional(),
    files: filesSchema.optional(),
    access: z
      .enum(["Public", "User"])
      .default("Public")
      .meta(
        field(
          "Who may use it. User: a request needs a token that spec.auth verifies, and the component gets its sub as X-StemHub-User. Public: anybody; tokens are the component's own business.",
        ),
      ),
    bodySize: bytes("Most that a request's body may hold; gateway.limits.bodySize where absent.", "1Ki").optional(),
    timeoutSeconds: timeout
      .meta(field("Seconds that the component may take to answer; gateway.limits.timeoutSeconds where absent."))
      .optional(),
    writes: z
      .enum(writesMarks)
      .default("Refuse")
      .meta(
        field(
          "What becomes of POST, PUT, PATCH and DELETE while the database is ReadOnly. Refuse: answered with its notice. Queue: kept, also while it is Unavailable, and applied when it takes writes again; needs spec.queue and access: User. Critical (auth, payments): likewise, and every request is refused while auth is Unavailable. Pass: the route does without the database, and is not even held back while that is Unavailable.",
        ),
      ),
    queue: routeQueueSchema.optional(),
    capability: z
      .enum(routeCapabilities)
      .meta(
        field(
          "What the route cannot do without, beside the database: answered with its notice while that is not Normal. While storage is Degraded, reads pass.",
        ),
      )
      .optional(),
    fallback: urlPath(
      "fallback",
      "Path that is asked instead while dawParsing is not Normal, at the component of the route that it falls under; the answer has the header X-StemHub-Fallback.",
    ).optional(),
    rateLimit: z
      .object({
        requestsPerSecond: z
          .int()
          .min(1)
          .max(10_000)
          .meta(field("Requests a second that one client address may send, at each gateway pod.")),
        burst: z
          .int()
          .min(0)
          .max(10_000)
          .default(20)
          .meta(field("How many more it may send at once before it is answered with 429.")),
      })
      .meta(field("How often one client may ask; absent: as often as it likes."))
      .optional(),
  })
  .meta(
    field("One route: a prefix and what answers, exactly one of component and files, with limits of its own.", [
      exactlyOne(["component", "files"], "a route"),
      {
        rule: "!has(self.files) || self.path.endsWith('/')",
        message: "gateway.routes.path must end with / where it has files: write it like /files/",
      },
      {
        rule: "!has(self.files) || !(has(self.bodySize) || has(self.timeoutSeconds) || has(self.capability) || has(self.fallback))",
        message:
          "gateway.routes.files are only read, and by the storage's mode: remove bodySize, timeoutSeconds, capability and fallback",
      },
      {
        rule: "!has(self.fallback) || has(self.capability) && self.capability == 'dawParsing'",
        message:
          "gateway.routes.fallback is for what needs DAW parsing: set the route's capability to dawParsing, or remove it",
      },
      {
        rule: "has(self.queue) == (has(self.writes) && self.writes == 'Queue')",
        message: "gateway.routes.queue and writes: Queue need each other: set both, or neither",
      },
      {
        rule: "!has(self.writes) || self.writes != 'Queue' || has(self.access) && self.access == 'User'",
        message:
          "gateway.routes.access must be User where writes is Queue, since a write is kept in its author's name: set access: User",
      },
      {
        rule: "!has(self.files) || !has(self.writes) || self.writes != 'Queue'",
        message: "gateway.routes.files are only read: remove writes: Queue",
      },
    ]),
  );

/** A route, defaults filled in. */
export type Route = z.output<typeof routeSchema>;

/** What stands before the components. */
export const gatewaySchema = z
  .object({
    host: z
      .string()
      .min(1)
      .max(253)
      .meta(
        field(
          "Host name by which people reach it: in its certificate, and the only one that it answers to. Where absent, it answers to any.",
          [
            matching(
              dnsName,
              "gateway.host must be a host name in small letters, without a scheme, port or path: write it like studio.example.com",
            ),
          ],
        ),
      )
      .optional(),
    replicas: z.int().min(1).max(10).default(2).meta(field("How many pods it has.")),
    tls: z
      .object({
        secretName: objectName(
          "Secret of type kubernetes.io/tls, in this namespace; where absent, a certificate from the StemHub's own authority.",
        ).optional(),
      })
      .prefault({})
      .meta(field("The certificate that it shows. {}: one from the StemHub's own authority, renewed by the operator.")),
    service: z
      .object({
        type: z
          .enum(["ClusterIP", "NodePort", "LoadBalancer"])
          .default("ClusterIP")
          .meta(field("How the world reaches it. ClusterIP: not at all, unless by an Ingress or a forwarded port.")),
        httpNodePort: nodePort("Port on every node for http; chosen by Kubernetes where absent."),
        httpsNodePort: nodePort("Port on every node for https; chosen by Kubernetes where absent."),
        annotations: z
          .record(z.string(), z.string().max(1024))
          .meta(
            field(
              "Annotations of the Service, as a cloud's load balancer wants them.",
              [
                {
                  rule: "self.all(k, k.matches('^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$'))",
                  message:
                    "gateway.service.annotations must have keys like example.com/name: letters, digits and - _ . with at most one /",
                },
              ],
              { maxProperties: 32 },
            ),
          )
          .optional(),
      })
      .prefault({})
      .meta(
        field("Its Service, with the ports 80 and 443.", [
          {
            rule: "self.type != 'ClusterIP' || !(has(self.httpNodePort) || has(self.httpsNodePort))",
            message:
              "gateway.service.httpNodePort and httpsNodePort need type NodePort or LoadBalancer: set the type or remove them",
          },
          {
            rule: "!has(self.httpNodePort) || !has(self.httpsNodePort) || self.httpNodePort != self.httpsNodePort",
            message: "gateway.service.httpNodePort and httpsNodePort are the same port: give each its own",
          },
        ]),
      ),
    limits: z
      .object({
        bodySize: bytes("Most that a request's body may hold; over it, the answer is 413.", "1Ki").default("100Mi"),
        timeoutSeconds: timeout
          .default(60)
          .meta(field("Seconds that a component may take to answer; over it, the answer is 504.")),
      })
      .prefault({})
      .meta(field("Bounds of each request; a route may have its own.")),
    trustedProxies: z
      .array(
        z
          .string()
          .max(43)
          .meta(
            field("A network in CIDR form: 10.0.0.0/8.", [
              {
                rule: "isCIDR(self)",
                message:
                  "gateway.trustedProxies must be networks in CIDR form: write 10.0.0.0/8, or 192.0.2.7/32 for one address",
              },
            ]),
          ),
      )
      .default([])
      .meta(
        field(
          "Networks of load balancers whose X-Forwarded-For and X-Request-Id are believed; nobody's where empty.",
          [],
          {
            maxItems: 32,
            "x-kubernetes-list-type": "set",
          },
        ),
      ),
    routes: z
      .array(routeSchema)
      .min(1)
      .meta(
        field(
          "Where requests go. Where absent: /api/ to api and / to web, or / to api when there is no web.",
          [
            {
              rule: "self.all(r, !has(r.fallback) || self.exists(s, has(s.component) && r.fallback.startsWith(s.path)))",
              message:
                "gateway.routes.fallback must fall under a route: add one whose path it begins with, or choose another",
            },
          ],
          { maxItems: 64, ...keyedBy("path") },
        ),
      )
      .optional(),
  })
  .meta(field("What stands before the components: nginx with TLS, limits and routes. {} takes all defaults."));
