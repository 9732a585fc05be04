import { restrictedContainer, restrictedPod } from "../../operator/stemhub/pod-security.ts";
import type { Kubectl } from "./kubectl.ts";
import { selfSigned } from "./self-signed.ts";

/** How a relay is cut: `silent` takes connections and never answers, `refused` takes none. */
export type RelayCut = "silent" | "refused";

/** A way to the object store that a test can cut, without anybody else's noticing. */
export interface Relay {
  /** Where clients go instead: a URL without a path. */
  readonly endpoint: string;
  /** PEM: what the relay's certificate is verified by. */
  readonly ca: string;
  /** Closes every connection, and lets none through until it is mended. Returns when it is so. Idempotent. */
  cut(how?: RelayCut): Promise<void>;
  /** Idempotent. */
  mend(): Promise<void>;
}

/** What a relay is made of. */
export interface RelayOptions {
  /** Of its pod and its Service. */
  readonly name: string;
  /** Any with Python 3. */
  readonly image: string;
  /** The object store: its URL, and PEM. */
  readonly to: { readonly endpoint: string; readonly ca: string };
  /** What clients speak; https where absent. */
  readonly scheme?: "http" | "https";
}

const port = 8443;

/**
 * Begins a pod NAME with a Service of that name, by which the object store is reached. It speaks TLS to the store, whose
 * certificate names no relay; what is inside passes as it is, so a request is signed for the relay's host.
 */
export async function startRelay(kubectl: Kubectl, options: RelayOptions): Promise<Relay> {
  const { name, image, to, scheme = "https" } = options;
  const { hostname, port: storePort } = new URL(to.endpoint);
  const host = `${name}.${kubectl.namespace}.svc.cluster.local`;
  const { cert, key } = await selfSigned(host);
  const files = { "tls.crt": cert, "tls.key": key, "target.crt": to.ca, "relay.py": program };
  const command = ["python3", "-u", "/etc/relay/relay.py", hostname, storePort || "443", scheme];
  await kubectl.apply(
    { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData: files },
    { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector: { relay: name }, ports: [{ port }] } },
    relayPod(name, image, command),
  );
  await kubectl.wait(`pod/${name}`, "condition=Ready", 60_000);
  const become = async (state: RelayCut | "open") => {
    await kubectl.exec(name, [
      "bash",
      "-ec",
      `echo ${state} >/tmp/new; mv /tmp/new /tmp/state; kill -HUP 1; sleep 0.2`,
    ]);
  };
  return {
    endpoint: `${scheme}://${host}:${port}`,
    ca: cert,
    cut: (how = "refused") => become(how),
    mend: () => become("open"),
  };
}

/** On HUP it reads its state anew and closes all connections. */
const program = `
import asyncio, signal, ssl, sys
host, port, scheme = sys.argv[1], int(sys.argv[2]), sys.argv[3]
inside = None
if scheme == "https":
    inside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    inside.load_cert_chain("/etc/relay/tls.crt", "/etc/relay/tls.key")
outside = ssl.create_default_context(cafile="/etc/relay/target.crt")
# Python's strictness wants extensions that a server's certificate need not have.
outside.verify_flags &= ~ssl.VERIFY_X509_STRICT
state, server, open_writers = "open", None, set()

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()

async def serve(reader, writer):
    open_writers.add(writer)
    try:
        if state == "silent":
            await asyncio.sleep(3600)
        there_reader, there_writer = await asyncio.open_connection(host, port, ssl=outside)
        open_writers.add(there_writer)
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))
        open_writers.discard(there_writer)
    except (OSError, ssl.SSLError) as error:
        print("relay:", error, flush=True)
    finally:
        writer.close()
        open_writers.discard(writer)

async def listen():
    global server
    server = await asyncio.start_server(serve, "0.0.0.0", ${port}, ssl=inside)

async def reread():
    global state, server
    state = open("/tmp/state").read().strip()
    for writer in list(open_writers):
        writer.transport.abort()
    if state == "refused" and server:
        server.close()
        server = None
    if state != "refused" and not server:
        await listen()
    print("relay:", state, flush=True)

async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: asyncio.ensure_future(reread()))
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    await listen()
    await asyncio.Event().wait()

asyncio.run(main())
`;

function relayPod(name: string, image: string, command: readonly string[]): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { relay: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      securityContext: restrictedPod({ uid: 999 }),
      containers: [
        {
          name: "relay",
          image,
          imagePullPolicy: "IfNotPresent",
          command,
          ports: [{ containerPort: port }],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
          securityContext: restrictedContainer(),
          volumeMounts: [
            { name: "files", mountPath: "/etc/relay", readOnly: true },
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
      ],
      volumes: [
        { name: "files", secret: { secretName: name, defaultMode: 0o440 } },
        { name: "tmp", emptyDir: {} },
      ],
    },
  };
}
