/**
 * The nginx that one would write oneself for the same job: TLS, a log line a request, request ids, a connection of its own
 * to the component, the addresses of clients passed on. No modes, no njs.
 */
export function plainNginx(ports: {
  readonly https: number;
  readonly health: number;
  readonly component: number;
}): string {
  return `worker_processes 2;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
events { worker_connections 4096; }
http {
  server_tokens off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  log_format json escape=json '{"time":"$time_iso8601","request_id":"$request_id","client":"$remote_addr","method":"$request_method",'
    '"path":"$uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"upstream":"$upstream_addr",'
    '"upstream_status":"$upstream_status","upstream_seconds":"$upstream_response_time"}';
  access_log /dev/stdout json;
  map $http_upgrade $connection_out { default close; "~*^websocket$" upgrade; }
  keepalive_timeout 65s;
  client_max_body_size 100m;
  proxy_http_version 1.1;
  proxy_connect_timeout 2s;
  proxy_request_buffering off;
  proxy_next_upstream off;
  proxy_set_header Host $host;
  proxy_set_header X-Request-Id $request_id;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_out;
  ssl_certificate /etc/stemhub/tls/tls.crt;
  ssl_certificate_key /etc/stemhub/tls/tls.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tls:10m;
  server { listen 127.0.0.1:${ports.health}; return 200; }
  server {
    listen 127.0.0.1:${ports.https} ssl;
    http2 on;
    add_header X-Request-Id $request_id always;
    add_header X-Content-Type-Options nosniff always;
    add_header Strict-Transport-Security "max-age=31536000" always;
    location / { proxy_pass http://127.0.0.1:${ports.component}; }
  }
}
`;
}

/** A component that answers at once with half a kilobyte, so that what is measured is what stands before it. */
export function quickComponent(port: number): string {
  return `worker_processes 1;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { default_type application/json; return 200 '{"projects":"${"x".repeat(500)}"}'; }
  }
}
`;
}
