import type { Route, StemHub } from "../../api/stemhub.ts";
import { accessLines, authErrors } from "./auth.ts";
import { sizeInBytes } from "./size.ts";

/** SHA-256 of no body, which every signed GET has. */
const emptyObjectHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Where files are kept in nginx's container. */
const cachePath = "/var/cache/stemhub";
/** Between the cache and what signs requests: only nginx itself can reach it. */
const storageSocket = "/tmp/storage.sock";
/** What a file is fetched and kept in. A range costs as much as the pieces that it touches. */
const slice = "1m";

/** A route whose files come from the object storage. */
export type FileRoute = Route & { readonly files: NonNullable<Route["files"]> };

/** Whether it is one. */
export function hasFiles(route: Route): route is FileRoute {
  return route.files !== undefined;
}

/** Of the object storage, what nginx connects to. */
interface Storage {
  readonly secure: boolean;
  /** As in the header Host: with the port where the endpoint has one. */
  readonly host: string;
  readonly name: string;
  readonly address: string;
}

function storageOf(endpoint: string): Storage {
  const url = new URL(endpoint);
  const secure = url.protocol === "https:";
  return { secure, host: url.host, name: url.hostname, address: `${url.hostname}:${url.port || (secure ? 443 : 80)}` };
}

/** The storage that files come from: a gateway without such a route has neither its credentials nor a cache. */
function servedStorage({ spec: { storage, gateway } }: StemHub): StemHub["spec"]["storage"] {
  return gateway.routes?.some(hasFiles) ? storage : undefined;
}

/** What njs needs to know of the storage, as the file storage.json; undefined where no route has files. */
export function storageFile(stemhub: StemHub): string | undefined {
  const storage = servedStorage(stemhub);
  if (!storage) return undefined;
  const { bucket, region, endpoint } = storage;
  const notice = stemhub.spec.modes.messages.storage;
  return JSON.stringify({ bucket, region, host: storageOf(endpoint).host, notice });
}

/**
 * What nginx's http block needs so that locations can answer with files.
 *
 * Between the cache and the storage is a server of nginx's own, on a Unix socket. It looks the storage's name up and signs:
 * were that done where the cache is, a name that cannot be resolved would be an error of nginx' own, for which nothing
 * stale is served; so it is an answer 502 of a server, for which it is.
 */
export function fileDirectives(stemhub: StemHub): readonly string[] {
  const storage = servedStorage(stemhub);
  if (!storage) return [];
  const { secure, host, name, address } = storageOf(storage.endpoint);
  const authority = storage.caConfigMap ? `${authorityPath}/ca.crt` : "/etc/ssl/certs/ca-certificates.crt";
  const tls = [
    "proxy_ssl_server_name on;",
    `proxy_ssl_name ${name};`,
    "proxy_ssl_verify on;",
    "proxy_ssl_verify_depth 4;",
    `proxy_ssl_trusted_certificate ${authority};`,
  ];
  return [
    // 16 MiB know 128,000 pieces. What nobody asked for in a month goes; until then it can be served stale.
    `proxy_cache_path ${cachePath} levels=1:2 keys_zone=files:16m max_size=${sizeInBytes(storage.cacheSize)} inactive=30d use_temp_path=off;`,
    "js_preload_object stemhub_storage from /etc/stemhub/gateway/storage.json;",
    'js_var $stemhub_signed_at "";',
    "js_set $stemhub_object gateway.object;",
    "js_set $stemhub_signature gateway.signature;",
    'map $upstream_cache_status $stemhub_stale { default ""; STALE true; UPDATING true; }',
    'map $stemhub_state $stemhub_storage_down { default ""; "~storage=Unavailable" 1; }',
    `server {
    listen unix:${storageSocket};
    access_log off;
    location / {
      if ($stemhub_object = "") { return 404; }
      if ($stemhub_storage_down) { return 503; }
      # Asked for here, so that the moment of the signature is known before it is sent.
      set $signature $stemhub_signature;
      set $storage "${address}";
      proxy_pass ${secure ? "https" : "http"}://$storage$stemhub_object;
      proxy_method GET;
      proxy_http_version 1.1;
      proxy_pass_request_headers off;
      proxy_set_header Host ${host};
      proxy_set_header Connection "";
      proxy_set_header Authorization $signature;
      proxy_set_header X-Amz-Date $stemhub_signed_at;
      proxy_set_header X-Amz-Content-Sha256 ${emptyObjectHash};
      proxy_set_header Range $http_range;
      proxy_set_header If-None-Match $http_if_none_match;
      proxy_set_header If-Modified-Since $http_if_modified_since;
      # Each piece of a file waits for it while names cannot be resolved. nginx asks once in 5 s, so that more brings nothing.
      resolver_timeout 1s;
      proxy_connect_timeout 2s;
      proxy_read_timeout 5s;
      proxy_max_temp_file_size 0;
      # Whatever is wrong with it, the storage is away; that is no client's business, and lets the cache serve what it has.
      proxy_intercept_errors on;
      error_page 301 302 307 400 401 403 405 408 429 500 501 502 504 = @away;
${secure ? tls.map((line) => `      ${line}`).join("\n") : ""}
    }
    location @away { return 503; }
  }`,
  ];
}

/** What each server needs: where a request goes whose file cannot be had. */
export function fileLocations(stemhub: StemHub, everyAnswer: readonly string[]): readonly string[] {
  if (!servedStorage(stemhub)) return [];
  return [
    "location @storage_away { js_content gateway.storageAway; }",
    // S3 has no first piece of a file of nothing.
    `location @empty_file { ${everyAnswer.join(" ")} if ($http_range = "") { return 200 ""; } return 416; }`,
  ];
}

/**
 * A location that answers with files. Nothing of the client's request reaches the storage but path and range, and nothing
 * of the storage's own words reaches the client. A file is whatever a user has put there: no script in it runs as ours.
 */
export function fileLocation(route: FileRoute, limits: readonly string[], everyAnswer: readonly string[]): string {
  const lines = [
    ...accessLines(route),
    ...limits,
    "if ($request_method !~ ^(GET|HEAD)$) { return 405; }",
    `proxy_pass http://unix:${storageSocket}:/${route.files.prefix};`,
    `slice ${slice};`,
    "proxy_cache files;",
    "proxy_cache_key $uri$slice_range;",
    `proxy_cache_valid 200 206 ${route.files.cacheSeconds}s;`,
    "proxy_cache_lock on;",
    "proxy_cache_lock_timeout 15s;",
    "proxy_cache_revalidate on;",
    "proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;",
    "proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Expires X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
    ...hidden.map((name) => `proxy_hide_header ${name};`),
    "proxy_pass_request_headers off;",
    "proxy_http_version 1.1;",
    "proxy_set_header Host storage;",
    'proxy_set_header Connection "";',
    "proxy_set_header Range $slice_range;",
    "proxy_connect_timeout 2s;",
    "proxy_read_timeout 10s;",
    "proxy_intercept_errors on;",
    ...authErrors,
    ...[404, 405, 413, 429].map((status) => `error_page ${status} = @problem_${status};`),
    "error_page 416 = @empty_file;",
    "error_page 500 502 503 504 = @storage_away;",
    ...everyAnswer,
    "add_header X-StemHub-Stale $stemhub_stale always;",
    `add_header Content-Security-Policy "sandbox; default-src 'none'" always;`,
    `add_header Cache-Control "private, no-cache" always;`,
  ];
  return `location ${route.path} {\n${lines.map((line) => `      ${line}`).join("\n")}\n    }`;
}

/** What storages say of themselves, and to caches that know less than the spec. */
const hidden = [
  ...["request-id", "id-2", "version-id", "server-side-encryption", "storage-class", "replication-status"].map(
    (name) => `X-Amz-${name}`,
  ),
  ...["Set-Cookie", "Cache-Control", "Expires", "Cf-Ray", "Alt-Svc", "Strict-Transport-Security"],
];

const credentialsPath = "/etc/stemhub/storage-credentials";
const authorityPath = "/etc/stemhub/storage-ca";

/** What nginx's container needs mounted: the credentials are in no other. */
export function fileMounts(stemhub: StemHub) {
  const storage = servedStorage(stemhub);
  if (!storage) return { volumes: [], volumeMounts: [] };
  const items = ["accessKeyId", "secretAccessKey"].map((key) => ({ key, path: key }));
  const secret = { secretName: storage.credentialsSecret.name, items, defaultMode: 0o440 };
  const ca = storage.caConfigMap;
  return {
    volumes: [
      { name: "storage-credentials", secret },
      // nginx tidies up a moment after it has written: a quarter more than it is to keep, and never a pod that is evicted for it.
      {
        name: "files",
        emptyDir: { sizeLimit: String(Math.ceil(sizeInBytes(storage.cacheSize) * 1.25) + 64 * 1024 * 1024) },
      },
      ...(ca ? [{ name: "storage-ca", configMap: { name: ca.name } }] : []),
    ],
    volumeMounts: [
      { name: "storage-credentials", mountPath: credentialsPath, readOnly: true },
      { name: "files", mountPath: cachePath },
      ...(ca ? [{ name: "storage-ca", mountPath: authorityPath, readOnly: true }] : []),
    ],
  };
}
