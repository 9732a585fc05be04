import { z } from "zod";
import { field, keyedBy, objectName, quantity } from "./primitives.ts";
import { componentNames } from "./release.ts";

const nodePort = (what: string) =>
  z
    .int()
    .meta(field(what, [{ rule: "self >= 30000 && self <= 32767", message: "a nodePort must be 30000 to 32767" }]))
    .optional();

const timeout = z.int().min(1).max(3600);

const routeSchema = z
  .object({
    path: z
      .string()
      .min(1)
      .max(256)
      .meta(
        field("Prefix of the request's path; the longest that fits wins.", [
          {
            rule: "self.matches('^/[A-Za-z0-9._~/-]*$')",
            message: "gateway.routes.path must begin with / and hold letters, digits and . _ ~ - only",
          },
          {
            rule: "!self.startsWith('/.well-known/stemhub')",
            message: "gateway.routes.path may not be below /.well-known/stemhub, which the gateway answers itself",
          },
        ]),
      ),
    component: z.enum(componentNames).meta(field("Component that answers.")),
    bodySize: quantity("Most that a request's body may hold; the gateway's limit where absent.").optional(),
    timeoutSeconds: timeout.meta(field("Seconds the component may take; the gateway's limit where absent.")).optional(),
  })
  .meta(field("One route."));

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
        field("Name by which people reach it; in its certificate, and the only one that it answers to.", [
          {
            rule: "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            message: "gateway.host must be a host name without a scheme or path, like studio.example.com",
          },
        ]),
      )
      .optional(),
    replicas: z.int().min(1).max(10).default(2).meta(field("Pods.")),
    tls: z
      .object({
        secretName: objectName(
          "Secret of type kubernetes.io/tls; a certificate from the StemHub's own authority where absent.",
        ).optional(),
      })
      .prefault({})
      .meta(field("Its certificate.")),
    service: z
      .object({
        type: z
          .enum(["ClusterIP", "NodePort", "LoadBalancer"])
          .default("ClusterIP")
          .meta(field("How the world reaches it.")),
        httpNodePort: nodePort("Port on every node for http."),
        httpsNodePort: nodePort("Port on every node for https."),
        annotations: z
          .record(z.string(), z.string().max(1024))
          .meta(field("Annotations of the Service, for the cloud's load balancer.", [], { maxProperties: 32 }))
          .optional(),
      })
      .prefault({})
      .meta(
        field("Its Service.", [
          {
            rule: "self.type != 'ClusterIP' || !(has(self.httpNodePort) || has(self.httpsNodePort))",
            message: "gateway.service node ports need type NodePort or LoadBalancer",
          },
        ]),
      ),
    limits: z
      .object({
        bodySize: quantity("Most that a request's body may hold.").default("100Mi"),
        timeoutSeconds: timeout.default(60).meta(field("Seconds a component may take to answer.")),
      })
      .prefault({})
      .meta(field("Bounds of one request.")),
    trustedProxies: z
      .array(
        z
          .string()
          .max(43)
          .meta(
            field("A network in CIDR form.", [
              { rule: "isCIDR(self)", message: "gateway.trustedProxies must be networks like 10.0.0.0/8" },
            ]),
          ),
      )
      .default([])
      .meta(
        field("Networks whose X-Forwarded-For and X-Request-Id are believed; nobody's where empty.", [], {
          maxItems: 32,
          "x-kubernetes-list-type": "set",
        }),
      ),
    routes: z
      .array(routeSchema)
      .min(1)
      .meta(
        field("Where requests go. Where absent: /api/ to api and / to web, or / to api when there is no web.", [], {
          maxItems: 64,
          ...keyedBy("path"),
        }),
      )
      .optional(),
  })
  .meta(field("What stands before the components: nginx with TLS, limits and routes."));
