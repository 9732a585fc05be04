/**
 * A component that answers every request with what it received: cheap to start, needs neither database nor storage, and
 * shows what a gateway let through. It runs on any image with Python 3.
 *
 * `POST …/fail/20` makes it answer /probe with 500 for 20 s; `?status=503&error=read-only` has it answer so, with that
 * X-StemHub-Error. A write with an Idempotency-Key is applied once; `GET …/applied` lists their keys in that order. With the
 * variable JWKS it serves a key set.
 */
export function echoComponent(greeting: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    command: echoCommand,
    env: [{ name: "GREETING", value: greeting }],
    resources: { requests: { cpu: "20m", memory: "32Mi" }, limits: { memory: "128Mi" } },
    replicas: { min: 1 },
    terminationGracePeriodSeconds: 10,
    ...more,
  };
}

/** What an echo component answers. */
export interface Echo {
  readonly greeting: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** Its command; a port may follow as an argument, else it is 8080. */
export const echoCommand: readonly string[] = ["python3", "-u", "-c", echoProgram()];

function echoProgram(): string {
  return `
import http.server, json, os, signal, sys, threading, time, urllib.parse
failing, applied, lock = 0, [], threading.Lock()
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        global failing
        at = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(at.query))
        if self.command == "POST" and "/fail/" in at.path: failing = time.monotonic() + float(at.path.rsplit("/", 1)[1])
        fails = at.path == "/probe" and time.monotonic() < failing
        size = int(self.headers.get("content-length") or 0)
        left = size
        while left > 0: left -= len(self.rfile.read(min(left, 65536)) or b" " * left)
        key = self.headers.get("idempotency-key")
        with lock:
            if key and self.command != "GET" and key not in applied: applied.append(key)
        text = json.dumps({"greeting": os.environ.get("GREETING", ""), "method": self.command, "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()}, "bodyBytes": size,
            "environment": {name: value for name, value in os.environ.items() if name.startswith("DATABASE")}}).encode()
        if at.path.endswith("/applied"): text = json.dumps(applied).encode()
        if at.path == "/.well-known/jwks.json": text = os.environ["JWKS"].encode()
        self.send_response(500 if fails else int(asked.get("status", 200)))
        if "error" in asked: self.send_header("x-stemhub-error", asked["error"])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), Echo).serve_forever()
`;
}
