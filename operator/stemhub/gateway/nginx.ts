import type { Route, StemHub } from "../../api/stemhub.ts";
import { childNames, serviceHost } from "../names.ts";
import { accessLines, authDirectives, authLocations } from "./auth.ts";
import { fileDirectives, fileLocation, fileLocations, hasFiles } from "./files.ts";
import { modeHeaders, modeInHttp, modeInLocation, modeInServer, writeFilters } from "./mode.ts";
import { problemLines } from "./problems.ts";
import { isQueued, queueDirectives, queueLocations, queueMarks, toQueue, writesTo } from "./queue.ts";
import { routeOf, routesOf } from "./routes.ts";
import { sizeInBytes } from "./size.ts";

/** Ports of a gateway pod. */
export const gatewayPorts = { http: 8080, https: 8443, health: 8081 } as const;

/**
 * nginx's configuration.
 *
 * - Each request is a connection of its own to the component's Service: a pod that is ending gets no new connections once
 *   its endpoint is gone, and serves on until then (preStop), so a rollout drops nothing. A kept connection to it would
 *   be closed under a request that cannot be repeated.
 * - Only headers that the gateway makes itself, or that come from spec.gateway.trustedProxies, reach a component as facts.
 * - Logs hold no query, cookie or authorization: links with tokens in them are secrets.
 */
export function nginxConfiguration(stemhub: StemHub, clusterDomain: string): string {
  const { gateway } = stemhub.spec;
  const { bodySize, timeoutSeconds } = gateway.limits;
  const routes = routesOf(stemhub);
  const around = { stemhub, routes, clusterDomain };
  return `load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
worker_processes 2;
pcre_jit on;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
worker_shutdown_timeout 60s;
events { worker_connections 4096; }

http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  server_tokens off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  # Written at start from the pod's /etc/resolv.conf.
  include /tmp/resolver.conf;

  log_format json escape=json '{"time":"$time_iso8601","request_id":"$request_id_out","client":"$remote_addr","method":"$request_method",'
    '"path":"$uri","mode":"$stemhub_mode","refusal":"$stemhub_refusal","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"upstream":"$upstream_addr",'
    '"upstream_status":"$upstream_status","upstream_seconds":"$upstream_response_time"}';
  # Whole lines, and no more at once than a pipe takes in one piece: workers write to the same one.
  access_log /dev/stdout json buffer=4k flush=1s;

${forwarded(gateway.trustedProxies)}
  map $https $strict_transport {
    default "";
    on "max-age=31536000";
  }
  map $http_upgrade $connection_out {
    default close;
    "~*^websocket$" upgrade;
  }

  client_header_timeout 15s;
  client_body_timeout 30s;
  send_timeout 60s;
  keepalive_timeout 65s;
  large_client_header_buffers 4 16k;
  client_max_body_size ${sizeInBytes(bodySize)};
  proxy_http_version 1.1;
  proxy_connect_timeout 2s;
  proxy_read_timeout ${timeoutSeconds}s;
  proxy_send_timeout ${timeoutSeconds}s;
  proxy_request_buffering off;
  proxy_next_upstream off;
  proxy_set_header Host $host;
  proxy_set_header X-Request-Id $request_id_out;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme_out;
  proxy_set_header X-Forwarded-Host $host;
  proxy_set_header X-Forwarded-Port "";
  proxy_set_header Forwarded "";
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_out;

${modeInHttp(stemhub)}
${indented(2, authDirectives(stemhub))}
${indented(2, fileDirectives(stemhub))}
${indented(
  2,
  queueDirectives(stemhub, routes, (route) => address(route, around)),
)}
${rateLimitZones(stemhub)}
  ssl_certificate /etc/stemhub/tls/tls.crt;
  ssl_certificate_key /etc/stemhub/tls/tls.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tls:10m;

  server {
    listen ${gatewayPorts.health} default_server;
    access_log off;
    location = /healthz { default_type text/plain; return 200 "ok\\n"; }
    location / { return 404; }
  }

  # Plain HTTP is only a sign to the door. A proxy that is trusted and says https has ended TLS itself: see scheme_out.
  server {
    listen ${gatewayPorts.http} default_server;
    server_name _;
${gateway.host === undefined ? "" : unknownHost(gateway.host)}    set $redirect $scheme_out;
    if ($redirect = http) { return 308 https://$host$request_uri; }
${body(stemhub, clusterDomain)}
  }

  server {
    listen ${gatewayPorts.https} ssl default_server;
    http2 on;
    server_name _;
${gateway.host === undefined ? "" : unknownHost(gateway.host)}${body(stemhub, clusterDomain)}
  }
}
`;
}

/**
 * Whom to believe about where a request comes from. With no trusted proxy it is the connection itself that is believed, and
 * nothing is looked up for each request.
 */
function forwarded(trusted: readonly string[]): string {
  if (trusted.length === 0) {
    return `  map "" $request_id_out { default $request_id; }
  map "" $scheme_out { default $scheme; }`;
  }
  return `  # Whom to believe: the address of the connection itself, before real_ip replaces it.
  geo $realip_remote_addr $from_trusted_proxy {
    default 0;
${trusted.map((network) => `    ${network} 1;`).join("\n")}
  }
${trusted.map((network) => `  set_real_ip_from ${network};`).join("\n")}
  real_ip_header X-Forwarded-For;
  real_ip_recursive on;
  map "$from_trusted_proxy:$http_x_request_id" $request_id_out {
    default $request_id;
    "~^1:(?<given>[A-Za-z0-9._-]{1,128})$" $given;
  }
  map "$from_trusted_proxy:$http_x_forwarded_proto" $scheme_out {
    default $scheme;
    "~^1:(?<proto>https?)$" $proto;
  }`;
}

/** A name that is not ours gets no answer of ours: DNS rebinding and stray traffic end here. */
function unknownHost(host: string): string {
  return `    if ($host != "${host}") { return 404; }\n`;
}

function body(stemhub: StemHub, clusterDomain: string): string {
  const routes = routesOf(stemhub);
  const around = { stemhub, routes, clusterDomain };
  const app = routes.map((route) => (isQueued(route) ? appLines(route, around) : undefined));
  return [
    ...everyAnswer.map((line) => `    ${line}`),
    ...problemLines(everyAnswer),
    ...modeInServer(everyAnswer),
    indented(4, authLocations(stemhub, everyAnswer)),
    indented(4, fileLocations(stemhub, everyAnswer)),
    indented(4, queueLocations(stemhub, clusterDomain, app)),
    ...routes.map((route, index) => location(route, index, around)),
    ...(routes.some((route) => route.path === "/") ? [] : ["    location / { return 404; }"]),
  ].join("\n");
}

/** Headers of every answer. A location that adds one of its own loses these, and must repeat them. */
const everyAnswer: readonly string[] = [
  "add_header X-Request-Id $request_id_out always;",
  "add_header X-Content-Type-Options nosniff always;",
  "add_header Strict-Transport-Security $strict_transport always;",
  ...modeHeaders,
];

function indented(spaces: number, lines: readonly string[]): string {
  return lines.map((line) => " ".repeat(spaces) + line).join("\n");
}

interface Surroundings {
  readonly stemhub: StemHub;
  readonly routes: readonly Route[];
  readonly clusterDomain: string;
}

/** nginx's own prefix rule is the longest one wins, whatever the order. */
function location(route: Route, index: number, around: Surroundings): string {
  const { stemhub } = around;
  const rateLimit =
    route.rateLimit === undefined ? [] : [`limit_req zone=route_${index} burst=${route.rateLimit.burst} nodelay;`];
  if (hasFiles(route)) return `    ${fileLocation(route, rateLimit, everyAnswer)}`;
  return [
    `    location ${route.path} {`,
    ...[...limits(route), ...rateLimit].map((line) => `      ${line}`),
    ...accessLines(route).map((line) => `      ${line}`),
    ...queueMarks(stemhub, route, index).map((line) => `      ${line}`),
    ...modeInLocation(route),
    ...(isQueued(route) ? [`      ${toQueue}`] : []),
    // By variable: the name is resolved while serving, so a Service that is not there yet does not stop nginx.
    `      set $component "${address(route, around)}";`,
    "      proxy_pass http://$component;",
    `      if ($request_method !~ "^(GET|HEAD|OPTIONS)$") { ${isQueued(route) ? writesTo(route) : writeFilters} }`,
    ...fallback(route, around),
    "    }",
  ].join("\n");
}

function limits({ bodySize, timeoutSeconds }: Route): string[] {
  return [
    ...(bodySize === undefined ? [] : [`client_max_body_size ${sizeInBytes(bodySize)};`]),
    ...(timeoutSeconds === undefined
      ? []
      : [`proxy_read_timeout ${timeoutSeconds}s;`, `proxy_send_timeout ${timeoutSeconds}s;`]),
  ];
}

/** Of a write that need not be queued. Were it refused as read-only now, it would go back and forth: so it is answered. */
function appLines(route: Route, around: Surroundings): string[] {
  return [
    ...limits(route),
    "proxy_request_buffering on;",
    `set $component "${address(route, around)}";`,
    "proxy_pass http://$component;",
    writeFilters,
  ];
}

/** Last of all, since `break` ends what the location has to say; and so it has the filters of writes once more. */
function fallback(route: Route, around: Surroundings): string[] {
  if (route.fallback === undefined) return [];
  const answering = routeOf(route.fallback, around.routes);
  // CEL asks for one; a route of files that fits better has nothing to say to it.
  if (!answering || hasFiles(answering)) return [];
  const target = `set $component "${address(answering, around)}"; set $stemhub_fallback true; rewrite ^ ${route.fallback} break;`;
  return [`      if ($stemhub_gate = fallback) { ${writeFilters} ${target} }`];
}

function address({ component }: Route, { stemhub, clusterDomain }: Surroundings): string {
  // CEL asks for one, where there are no files.
  if (component === undefined) throw new Error("a route has neither component nor files");
  const service = childNames(stemhub.metadata.name).component(component);
  const port = stemhub.spec.components[component]?.port ?? 8080;
  return `${serviceHost(service, stemhub.metadata.namespace ?? "", clusterDomain)}:${port}`;
}

/** 10 MB know 160,000 addresses; where they run out, the oldest is forgotten. */
function rateLimitZones(stemhub: StemHub): string {
  const zones = routesOf(stemhub).flatMap(({ rateLimit }, index) =>
    rateLimit === undefined
      ? []
      : [`  limit_req_zone $binary_remote_addr zone=route_${index}:10m rate=${rateLimit.requestsPerSecond}r/s;`],
  );
  return ["  limit_req_status 429;", "  limit_req_log_level notice;", ...zones].join("\n");
}
