import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePrograms } from "../../e2e/cluster/local/programs.ts";
import { silentProgress } from "../../e2e/progress.ts";
import type { KubeApi } from "../runtime/api.ts";
import { connect } from "../runtime/connect.ts";
import { tokenCredentials } from "../runtime/credentials.ts";
import type { ResourceKind } from "../runtime/objects.ts";

/** A real kube-apiserver on a real etcd, with RBAC, and nothing else: no controllers, so nothing happens by itself. */
export interface TestApiServer {
  /** https://127.0.0.1:PORT */
  readonly url: string;
  readonly ca: Buffer;
  /** Of a user in system:masters, whom RBAC refuses nothing. */
  readonly adminToken: string;
  /** Of the user `operator`, who has no right but those that a test grants. */
  readonly operatorToken: string;
  /** A client with the admin's rights. */
  admin(options?: { kinds?: readonly ResourceKind[]; fieldManager?: string }): Promise<KubeApi>;
  /** Ends both processes and removes what they wrote. */
  stop(): Promise<void>;
}

/** From start to ready, each; measured 1 s and 6 s on two busy cores. */
const startDeadlineMs = 60_000;
const stopDeadlineMs = 10_000;

/**
 * Starts both on free ports of the loopback interface, in a directory of their own. The programs are those of the local
 * cluster; where they were never built, this builds them, which takes minutes.
 */
export async function startApiServer(): Promise<TestApiServer> {
  const bin = await ensurePrograms(["etcd", "kube-apiserver"], silentProgress);
  const directory = await mkdtemp(join(tmpdir(), "apiserver-test-"));
  const running: Program[] = [];
  const stop = async () => {
    for (const program of running.reverse()) await program.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const [clientPort, peerPort, port] = await freePorts(3);
    const etcd = `http://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    const database = new Program(join(bin, "etcd"), directory, [
      `--data-dir=${join(directory, "etcd")}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync", // The data is gone with the test.
      "--log-level=error",
    ]);
    running.push(database);
    await database.ready(async () => (await fetch(`${etcd}/health`)).ok);

    const [adminToken, operatorToken] = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
    const tokens = [`${adminToken},admin,admin,"system:masters"`, `${operatorToken},operator,operator`];
    await writeFile(join(directory, "tokens.csv"), `${tokens.join("\n")}\n`);
    const key = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
    await writeFile(join(directory, "service-account.key"), key.export({ type: "sec1", format: "pem" }));
    const certificates = join(directory, "certificates");
    await mkdir(certificates);
    const server = new Program(join(bin, "kube-apiserver"), directory, [
      `--etcd-servers=${etcd}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      `--cert-dir=${certificates}`, // It makes a certificate for itself.
      `--token-auth-file=${join(directory, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      "--advertise-address=192.0.2.1", // Of no use here, but a host without a route would have none to choose.
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${join(directory, "service-account.key")}`,
      `--service-account-signing-key-file=${join(directory, "service-account.key")}`,
      // Without the controller manager nobody makes the default ServiceAccount that this plugin asks for.
      "--disable-admission-plugins=ServiceAccount",
    ]);
    running.push(server);
    const url = `https://127.0.0.1:${port}`;
    let ca: Buffer = Buffer.alloc(0);
    let admin: KubeApi | undefined;
    await server.ready(async () => {
      ca = await readFile(join(certificates, "apiserver.crt"));
      admin ??= await connect({ credentials: tokenCredentials(url, adminToken, ca), fieldManager: "test" });
      // The namespace comes last: it is there when the server's own start-up hooks have run.
      return (
        (await admin.get({ apiVersion: "v1", kind: "Namespace", plural: "namespaces" }, undefined, "default")) !==
        undefined
      );
    });
    return {
      url,
      ca,
      adminToken,
      operatorToken,
      admin: ({ kinds = [], fieldManager = "test" } = {}) =>
        connect({ credentials: tokenCredentials(url, adminToken, ca), fieldManager, kinds }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A child process that must become ready and end, each within a deadline. */
class Program {
  readonly #name: string;
  readonly #log: string;
  readonly #child: ChildProcess;
  /** A test run that is interrupted stops nothing in order; it must not leave servers behind. */
  readonly #onExit = () => this.#child.kill("SIGKILL");

  constructor(path: string, directory: string, args: readonly string[]) {
    this.#name = path.slice(path.lastIndexOf("/") + 1);
    this.#log = join(directory, `${this.#name}.log`);
    this.#child = spawn(path, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
    process.once("exit", this.#onExit);
    const file = createWriteStream(this.#log);
    this.#child.stdout?.pipe(file, { end: false });
    this.#child.stderr?.pipe(file, { end: false });
  }

  async ready(look: () => Promise<boolean>): Promise<void> {
    const until = Date.now() + startDeadlineMs;
    let last: unknown;
    while (Date.now() < until) {
      if (this.#child.exitCode !== null) break;
      try {
        if (await look()) return;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const log = await readFile(this.#log, "utf8");
    throw new Error(`${this.#name} is not ready (exit ${this.#child.exitCode})\n${log.slice(-2_000)}`, { cause: last });
  }

  async stop(): Promise<void> {
    process.removeListener("exit", this.#onExit);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopDeadlineMs);
    await exited;
    clearTimeout(timer);
  }
}

/** Ports that are free now. All are held before any is given away, so no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      server.close();
      await once(server, "close");
      if (address === null || typeof address === "string") throw new Error("the port has no number");
      return address.port;
    }),
  );
}
