import type { Route, StemHub } from "../../api/stemhub.ts";
import { childNames, serviceHost } from "../names.ts";
import { accessLines } from "./auth.ts";
import { sizeInBytes } from "./size.ts";

/** Where the certificate is mounted that the queue knows the gateway by; with the authority's beside it. */
const clientPath = "/etc/stemhub/queue-client";
/** The queue's HTTPS API; operator/stemhub/queue has the same. */
const queuePort = 8443;
/** Status by which nginx hands a request over inside of itself, as in mode.ts. */
const handedOver = { queued: 593 } as const;

/** A route whose writes are queued. */
export type QueueRoute = Route & {
  readonly queue: NonNullable<Route["queue"]>;
  readonly component: NonNullable<Route["component"]>;
};

/** Whether it is one. */
export function isQueued(route: Route): route is QueueRoute {
  return route.writes === "Queue" && route.queue !== undefined && route.component !== undefined;
}

/** A component's address by its name. */
type AddressOf = (route: Route) => string;

/** What nginx's http block needs. Without a queue no route asks for any of it. */
export function queueDirectives({ spec }: StemHub, routes: readonly Route[], addressOf: AddressOf): readonly string[] {
  if (!spec.queue) return [];
  const addresses = new Map(routes.filter(isQueued).map((route) => [route.component, addressOf(route)]));
  return [
    'js_var $stemhub_aggregate "";',
    ...(addresses.size === 0
      ? []
      : [
          'map "$upstream_status $upstream_http_x_stemhub_error" $stemhub_to_queue { default ""; "503 read-only" @queue; }',
        ]),
    ...[...addresses].map(([component, address]) => writesServer(component, address)),
  ];
}

/**
 * Between the gateway and a component, for writes that may be queued: a server of nginx's own on a Unix socket. What it adds
 * to an answer 503 read-only makes the gateway go on at @queue with the body that it has kept, which nginx does for
 * nothing else in an answer; all other answers pass as they are. The component's headers X-Accel have no say here.
 */
function writesServer(component: string, address: string): string {
  return `server {
    listen unix:${socketOf(component)};
    access_log off;
    client_max_body_size 0;
    location / {
      set $component "${address}";
      proxy_pass http://$component;
      # The gateway has made these already.
      proxy_set_header Host $http_host;
      proxy_set_header Connection close;
      proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
      proxy_buffering off;
      # The gateway's own limit ends it before.
      proxy_read_timeout 1d;
      proxy_send_timeout 1d;
      add_header X-Accel-Redirect $stemhub_to_queue always;
      error_page 500 502 504 = @away;
    }
    # A component that is away is one for the gateway, too.
    location @away { return 444; }
  }`;
}

function socketOf(component: string): string {
  return `/tmp/writes-${component}.sock`;
}

/** Lines of such a route's location, before the verdict is asked for: what the queue is told of it. */
export function queueMarks({ spec }: StemHub, route: Route, index: number): readonly string[] {
  if (!isQueued(route) || !spec.queue) return [];
  return [
    `set $stemhub_queue_bytes ${sizeInBytes(spec.queue.limits.bodySize)};`,
    `set $stemhub_queue_aggregate "${route.queue.aggregate}";`,
    `set $stemhub_component ${route.component};`,
    `set $stemhub_app @app_${index};`,
    // The way to the queue is an error page, and so may be what comes after it.
    "recursive_error_pages on;",
    // A body that the component was sent may have to be sent to the queue.
    "proxy_request_buffering on;",
  ];
}

/** The way to the queue, once the marks of mode.ts are set. */
export const toQueue = `if ($stemhub_gate = queue) { return ${handedOver.queued}; }`;

/** What takes the place of a route's component for its writes. */
export function writesTo(route: QueueRoute): string {
  return `set $component unix:${socketOf(route.component)};`;
}

/**
 * What each server needs: the way to the queue, from there on to the component where nothing waits before a write, and
 * what became of a write.
 *
 * @param app by route, the lines of a location that passes a write to its component
 */
export function queueLocations(
  stemhub: StemHub,
  clusterDomain: string,
  app: readonly (readonly string[] | undefined)[],
): readonly string[] {
  const { queue } = stemhub.spec;
  if (!queue) return [];
  const { name, namespace = "" } = stemhub.metadata;
  const host = serviceHost(childNames(name).queue, namespace, clusterDomain);
  const tls = [
    `set $queue "${host}:${queuePort}";`,
    "proxy_ssl_server_name on;",
    `proxy_ssl_name ${host};`,
    "proxy_ssl_verify on;",
    `proxy_ssl_trusted_certificate ${clientPath}/ca.crt;`,
    `proxy_ssl_certificate ${clientPath}/tls.crt;`,
    `proxy_ssl_certificate_key ${clientPath}/tls.key;`,
    // Neither tokens nor cookies.
    "proxy_pass_request_headers off;",
    `proxy_set_header Host ${host};`,
    'proxy_set_header Connection "";',
    "proxy_set_header X-Request-Id $request_id_out;",
    "proxy_set_header X-StemHub-Claims $stemhub_claims;",
    "resolver_timeout 3s;",
    "proxy_read_timeout 15s;",
    "proxy_send_timeout 15s;",
  ];
  const write = [
    "proxy_method POST;",
    "proxy_set_header Content-Type $content_type;",
    "proxy_set_header Idempotency-Key $http_idempotency_key;",
    "proxy_set_header X-StemHub-Method $request_method;",
    "proxy_set_header X-StemHub-Uri $request_uri;",
    "proxy_set_header X-StemHub-Aggregate $stemhub_aggregate;",
    "proxy_set_header X-StemHub-Component $stemhub_component;",
  ];
  const status = '"^/[.]well-known/stemhub/writes/(?<stemhub_write>[A-Za-z0-9_-]{43})$"';
  return [
    `error_page ${handedOver.queued} = @queue;`,
    block("location @queue", [
      `client_max_body_size ${sizeInBytes(queue.limits.bodySize)};`,
      // Location stays a path: nginx would add its own port.
      "absolute_redirect off;",
      "recursive_error_pages on;",
      "error_page 413 = @refused;",
      "js_content gateway.enqueue;",
    ]),
    block("location = /.well-known/stemhub/queue", [
      "internal;",
      ...tls,
      ...write,
      "proxy_pass https://$queue/v1/writes;",
    ]),
    ...app.flatMap((lines, index) =>
      lines === undefined ? [] : [block(`location @app_${index}`, ["recursive_error_pages on;", ...lines])],
    ),
    // Without spec.auth nobody has written anything.
    ...(stemhub.spec.auth === undefined
      ? []
      : [
          block(`location ~ ${status}`, [
            "if ($request_method != GET) { return 405; }",
            ...accessLines({ access: "User" }),
            ...tls,
            "proxy_pass_request_body off;",
            'proxy_set_header Content-Length "";',
            "proxy_pass https://$queue/v1/writes/$stemhub_write;",
          ]),
        ]),
  ];
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => `      ${line}`).join("\n")}\n    }`;
}

/** What nginx's container needs mounted. */
export function queueMounts({ spec, metadata }: StemHub): {
  readonly volumes: object[];
  readonly volumeMounts: object[];
} {
  if (!spec.queue) return { volumes: [], volumeMounts: [] };
  const secret = { secretName: childNames(metadata.name).gatewayClientTls, defaultMode: 0o440 };
  return {
    volumes: [{ name: "queue-client", secret }],
    volumeMounts: [{ name: "queue-client", mountPath: clientPath, readOnly: true }],
  };
}
