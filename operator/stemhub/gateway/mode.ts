import { headers } from "../../api/headers.ts";
import type { Route, StemHub } from "../../api/stemhub.ts";

/** Folder of the pod's Unix sockets: an emptyDir that nginx and the mode-agent share. */
export const socketsFolder = "/run/stemhub";

/**
 * Statuses by which nginx hands a request over inside of itself: no client ever sees one, nor could a component cause one,
 * since its answers are not intercepted.
 */
const handedOver = { refused: 590 } as const;

/**
 * How the mode comes to nginx and into each answer (docs/decisions/0016). $stemhub_state is one line out of shared memory
 * (workloads/gateway/njs/state.ts); the verdict, which reads the document, is asked for only where not all is Normal.
 */
export function modeInHttp({ spec }: StemHub): string {
  return `  js_import gateway from /usr/local/lib/stemhub/gateway.js;
  # The mode, and the keys and revocations of 1 MiB at most that come with it: there, and twice while they are replaced.
  js_shared_dict_zone zone=stemhub:4M;
  js_set $stemhub_state gateway.state;
  js_set $stemhub_verdict gateway.verdict;
  js_set $stemhub_problem gateway.problem;
  js_set $stemhub_retry_after gateway.retryAfter;
  map "" $stemhub_writes_paused { default "${Buffer.from(spec.modes.messages.database).toString("base64url")}"; }
  # An error in the first line of a request comes before any variable is set.
  uninitialized_variable_warn off;
  map $stemhub_state $stemhub_gate { "" ""; "~^Normal " ""; default $stemhub_verdict; }
  map $stemhub_state $stemhub_mode { default ""; "~^(?<stemhub_m>[A-Za-z]+) " $stemhub_m; }
  map $stemhub_state $stemhub_epoch { default ""; "~^[A-Za-z]+ (?<stemhub_e>[0-9]+) " $stemhub_e; }
  map $stemhub_state $stemhub_capabilities { default ""; "~^[A-Za-z]+ [0-9]+ (?<stemhub_c>.+)$" $stemhub_c; }
${Object.values(headers)
  .map((name) => `${name === headers.user ? "" : `  proxy_set_header ${name} "";\n`}  proxy_hide_header ${name};`)
  .join("\n")}

  # Of the mode-agent alone: nobody else has the socket.
  server {
    listen unix:${socketsFolder}/nginx.sock;
    access_log off;
    client_max_body_size 3m;
    client_body_buffer_size 3m;
    keepalive_timeout 15s;
    location = /hand-over { js_content gateway.handOver; }
    location / { return 404; }
  }`;
}

/** Headers of every answer that tell the mode; nginx leaves out one that is empty. */
export const modeHeaders: readonly string[] = [
  `add_header ${headers.mode} $stemhub_mode always;`,
  `add_header ${headers.epoch} $stemhub_epoch always;`,
  `add_header ${headers.capabilities} $stemhub_capabilities always;`,
  `add_header ${headers.fallback} $stemhub_fallback always;`,
];

/**
 * Lines of a server: what the gateway answers itself, and where refused requests end.
 *
 * @param everyAnswer lines that add the headers of every answer
 */
export function modeInServer(everyAnswer: readonly string[]): string[] {
  const refusal = [
    "default_type application/problem+json;",
    ...everyAnswer,
    "add_header Cache-Control no-store always;",
    "add_header Retry-After $stemhub_retry_after always;",
    "return 503 $stemhub_problem;",
  ];
  return [
    '    set $stemhub_fallback "";',
    `    error_page ${handedOver.refused} = @refused;`,
    `    location @refused { ${refusal.join(" ")} }`,
    "    location = /.well-known/stemhub/mode { js_content gateway.mode; }",
    `    location = /.well-known/stemhub/mode/events { ${eventStream.join(" ")} }`,
    `    location = /.well-known/stemhub/notice.js { ${notice(everyAnswer).join(" ")} }`,
    "    location /.well-known/stemhub { return 404; }",
  ];
}

/** The mode-agent says something every 15 s. */
const eventStream = [
  `proxy_pass http://unix:${socketsFolder}/agent.sock;`,
  "proxy_buffering off;",
  "proxy_read_timeout 60s;",
  "proxy_send_timeout 60s;",
];

/** The script for pages (workloads/gateway/page), looked for anew each hour: it changes with the gateway's image alone. */
const notice = (everyAnswer: readonly string[]): readonly string[] => [
  "alias /usr/local/lib/stemhub/notice.js;",
  "default_type text/javascript;",
  "types {}",
  ...everyAnswer,
  "add_header Cache-Control max-age=3600;",
];

/** Lines of a route's location that tell its marks, and turn away what the mode does not let pass. */
export function modeInLocation({ writes, capability, fallback }: Route): string[] {
  return [
    `      set $stemhub_writes ${writes};`,
    `      set $stemhub_capability "${capability ?? ""}";`,
    `      set $stemhub_fallback_path "${fallback ?? ""}";`,
    `      if ($stemhub_gate ~ "^refuse ") { return ${handedOver.refused}; }`,
  ];
}

/** Filters for what a component says of a write. */
export const writeFilters = "js_header_filter gateway.replaceHeaders; js_body_filter gateway.replaceBody;";
