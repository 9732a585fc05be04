import { randomUUID } from "node:crypto";
import type { QueueConfiguration } from "../../operator/api/queue-configuration.ts";
import { keyMissing, malformed, notQueueable, type Problem } from "./problems.ts";
import { type Claims, claimsSchema, type Write } from "./write.ts";

/** Headers of a request of the gateway, in small letters. */
export type Arrival = Readonly<Record<string, string | string[] | undefined>>;

/** Claims are stored with each write: a token of the usual size fits eight times. */
const maxClaimsChars = 8_192;
const maxUriChars = 8_192;
const maxAggregateChars = 512;

/** What is known of a write before its body was read. */
export type Described = Omit<Write, "id" | "bodyHash" | "acceptedAt">;

/** Reads what the gateway says of a write. Nothing is guessed: what is absent or has no sense is refused by name. */
export function readArrival(
  headers: Arrival,
  { routes }: Pick<QueueConfiguration, "routes">,
): { readonly write: Described } | { readonly problem: Problem } {
  const text = (name: string) => (typeof headers[name] === "string" ? headers[name] : undefined);
  const key = text("idempotency-key");
  if (key === undefined || !/^[\x21-\x7e]{1,255}$/.test(key)) return { problem: keyMissing };
  const method = text("x-stemhub-method");
  if (!method || !/^(POST|PUT|PATCH|DELETE)$/.test(method))
    return { problem: malformed("X-StemHub-Method is no write") };
  const uri = text("x-stemhub-uri");
  if (!uri || uri.length > maxUriChars || !/^\/[\x21-\x7e]*$/.test(uri)) {
    return { problem: malformed("X-StemHub-Uri is no path with its query") };
  }
  const aggregate = text("x-stemhub-aggregate");
  if (!aggregate || aggregate.length > maxAggregateChars)
    return { problem: malformed("X-StemHub-Aggregate is absent or too long") };
  const component = text("x-stemhub-component");
  if (!component) return { problem: malformed("X-StemHub-Component is absent") };
  const claims = readClaims(text("x-stemhub-claims"));
  if (!claims) return { problem: malformed("X-StemHub-Claims are no claims with iss and sub") };
  const route = routeFor(routes, component, uri);
  if (!route) return { problem: notQueueable };
  const contentType = text("content-type");
  const requestId = text("x-request-id") ?? randomUUID();
  const { idempotency } = route;
  return {
    write: {
      key,
      method,
      uri,
      aggregate,
      component,
      claims,
      requestId,
      idempotency,
      ...(contentType ? { contentType } : {}),
    },
  };
}

/** Claims as the gateway sends them: base64url of JSON. */
export function readClaims(text: string | undefined): Claims | undefined {
  if (!text || text.length > maxClaimsChars) return undefined;
  try {
    return claimsSchema.safeParse(JSON.parse(Buffer.from(text, "base64url").toString())).data;
  } catch {
    return undefined;
  }
}

/** The longest prefix wins, as in the gateway. */
function routeFor(routes: QueueConfiguration["routes"], component: string, uri: string) {
  const path = uri.split("?", 1)[0] ?? "";
  return routes
    .filter((route) => route.component === component && path.startsWith(route.path))
    .reduce<(typeof routes)[number] | undefined>(
      (best, route) => (best && best.path.length >= route.path.length ? best : route),
      undefined,
    );
}
