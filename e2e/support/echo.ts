import type { Kubectl } from "./kubectl.ts";

/**
 * A component that answers every request with what it received: cheap to start, needs neither database nor storage, and
 * shows what a gateway let through. It runs on any image with Python 3.
 *
 * `POST …/fail/20` makes it answer /probe with 500 for 20 s; `?status=503&error=read-only` has it answer so, with that
 * X-StemHub-Error; `?takes=1` has it answer a second after it has done what it was asked. A write with an Idempotency-Key is applied once; `GET …/applied` lists their keys in that order, which it
 * keeps in the file APPLIED where that variable names one. With the variable JWKS it serves a key set. `echoFault` breaks it.
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

/**
 * How an echo component can be broken: as a process that is gone (connections are refused), one that is stopped (they are taken,
 * and never answered), one that answers after 5 s, one that answers 500, and one that answers 500 every other second. Its
 * readiness and liveness are answered as ever, but by one that is gone.
 */
export type EchoFault = "gone" | "frozen" | "slow" | "erroring" | "flapping";

/** Breaks the one pod of an echo component, until it is mended: `well`. A new start of its container changes nothing of it. */
export async function echoFault(kubectl: Kubectl, deployment: string, fault: EchoFault | "well"): Promise<void> {
  const script = `echo ${fault} >/tmp/fault; kill -USR1 1`;
  await kubectl.exec(`deploy/${deployment}`, ["bash", "-ec", script]);
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
failing, lock, changed = 0, threading.Lock(), threading.Event()
fault = open("/tmp/fault").read().strip() if os.path.exists("/tmp/fault") else "well"
kept = os.environ.get("APPLIED")
applied = open(kept).read().split() if kept and os.path.exists(kept) else []
def apply(key):
    if kept:
        with open(kept, "a") as file:
            file.write(key + "\\n")
            file.flush()
            os.fsync(file.fileno())
    applied.append(key)
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def suffer(self):
        if fault == "slow": time.sleep(5)
        while fault == "frozen": time.sleep(0.1)
        return fault == "erroring" or fault == "flapping" and int(time.time()) % 2
    def answer(self):
        global failing
        at = urllib.parse.urlsplit(self.path)
        if at.path not in ("/healthz", "/readyz") and self.suffer(): self.path = at.path + "?status=500"
        at = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(at.query))
        if self.command == "POST" and "/fail/" in at.path: failing = time.monotonic() + float(at.path.rsplit("/", 1)[1])
        fails = at.path == "/probe" and time.monotonic() < failing
        size = int(self.headers.get("content-length") or 0)
        left = size
        while left > 0: left -= len(self.rfile.read(min(left, 65536)) or b" " * left)
        key = self.headers.get("idempotency-key")
        with lock:
            if key and self.command != "GET" and key not in applied: apply(key)
        time.sleep(float(asked.get("takes", 0)))
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
def become(*_):
    global fault
    fault = open("/tmp/fault").read().strip()
    changed.set()
signal.signal(signal.SIGUSR1, become)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    server = http.server.ThreadingHTTPServer(("", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while fault != "gone": changed.wait(1) and changed.clear()
    server.shutdown()
    server.server_close()
    while fault == "gone": changed.wait(1) and changed.clear()
`;
}
