import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unpackedImage } from "../../../e2e/cluster/images.ts";
import { silentProgress } from "../../../e2e/progress.ts";
import { buildGateway, buildNotice } from "../build.ts";

/** The uid of the image. */
const uid = 65532;
const startDeadlineMs = 10_000;

/** What a gateway is started with. */
export interface GatewayFiles {
  /** The text of nginx.conf. */
  readonly configuration: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What else is mounted, by its path below /etc/stemhub. */
  readonly files?: Readonly<Record<string, string>>;
  /** Instead of the gateway's own module: one that was built for a test. */
  readonly buildModule?: (outfile: string) => Promise<void>;
}

/** A configuration of little more than some lines of its http block, for tests of a module or of a few directives. */
export function smallConfiguration(http: string): string {
  return `load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
worker_processes 2;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
events {}
http {
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
${http}
}
`;
}

/**
 * The gateway's nginx with its njs, out of its image, as a process on this machine: in a mount namespace of its own where
 * the image is the root folder and what a pod mounts is this test's. The network is the machine's.
 *
 * Assumes root, as the local cluster does.
 */
export class TestNginx {
  /** Where the pod's Unix sockets are, seen from outside. */
  readonly sockets: string;
  readonly #folder: string;
  readonly #logFile: string;
  readonly #command: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(folder: string, root: string) {
    this.#folder = folder;
    this.#logFile = join(folder, "log");
    this.sockets = join(folder, "sockets");
    const mounts = [
      ...["dev", "proc"].map((name) => `mount --rbind /${name} ${root}/${name}`),
      ...[
        ["tmp", "tmp"],
        ["etc", "etc/stemhub"],
        ["sockets", "run/stemhub"],
        ["lib", "usr/local/lib/stemhub"],
        ["cache", "var/cache/stemhub"],
      ].map(([from, to]) => `mount --bind ${folder}/${from} ${root}/${to}`),
    ];
    const nginx = "nginx -c /etc/stemhub/gateway/nginx.conf -e /dev/stderr";
    const enter = `exec chroot --userspec=${uid}:${uid} ${root} ${nginx}`;
    this.#command = ["--mount", "sh", "-ec", `${mounts.join("\n")}\n${enter} "$@"`, "sh"];
  }

  /** Lays out the files and starts nothing. */
  static async prepare(files: GatewayFiles): Promise<TestNginx> {
    if (process.getuid?.() !== 0) throw new Error("the image's nginx runs in a root folder of its own: be root");
    const root = await unpackedImage("gateway", silentProgress);
    const folder = await mkdtemp(join(tmpdir(), "gateway-"));
    await chmod(folder, 0o755);
    for (const name of ["tmp", "etc/gateway", "etc/tls", "sockets", "lib", "cache"])
      await mkdir(join(folder, name), { recursive: true });
    for (const name of ["etc/stemhub", "run/stemhub", "usr/local/lib/stemhub", "var/cache/stemhub"])
      await mkdir(join(root, name), { recursive: true });
    await writeFile(join(folder, "etc/gateway/nginx.conf"), files.configuration);
    await writeFile(join(folder, "tmp/resolver.conf"), "resolver 127.0.0.1;\n");
    if (files.tls) {
      await writeFile(join(folder, "etc/tls/tls.crt"), files.tls.cert);
      await writeFile(join(folder, "etc/tls/tls.key"), files.tls.key);
    }
    for (const [path, text] of Object.entries(files.files ?? {})) {
      await mkdir(dirname(join(folder, "etc", path)), { recursive: true });
      await writeFile(join(folder, "etc", path), text);
    }
    await (files.buildModule ?? buildGateway)(join(folder, "lib/gateway.js"));
    await buildNotice(join(folder, "lib/notice.js"));
    await writeFile(join(folder, "log"), "");
    for (const name of ["tmp", "sockets", "log", "cache"]) await chown(join(folder, name), uid, uid);
    return new TestNginx(folder, root);
  }

  /** Lets nginx judge its configuration. Errors: with its words when it refuses it. */
  async check(): Promise<void> {
    const [code] = await once(await this.#spawn("-t"), "exit");
    if (code !== 0) throw new Error(`nginx refuses its configuration:\n${await this.log()}`);
  }

  /** Starts it and waits until `port` answers. Errors: with its log when it ends or does not answer within 10 s. */
  async start(port: number): Promise<void> {
    const child = await this.#spawn("-g", "daemon off;");
    this.#process = child;
    const deadline = performance.now() + startDeadlineMs;
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`nginx did not start:\n${await this.log()}`);
      await sleep(20);
    }
  }

  /** Its words go to a file: it opens /dev/stderr by that name, which it cannot where that is one of Node's pipes. */
  async #spawn(...args: readonly string[]): Promise<ChildProcess> {
    const log = await open(this.#logFile, "a");
    try {
      return spawn("unshare", [...this.#command, ...args], { stdio: ["ignore", log.fd, log.fd] });
    } finally {
      await log.close();
    }
  }

  /** Reads its configuration again, as after a changed certificate; resolves when the signal is sent. */
  reload(): void {
    this.#process?.kill("SIGHUP");
  }

  /** Processor time that its workers have used so far, in s, to a hundredth. */
  async cpuSeconds(): Promise<number> {
    let ticks = 0;
    for (const pid of this.#workers()) {
      // After the name in parentheses: utime is the 12th, stime the 13th.
      const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return ticks / 100;
  }

  #workers(): number[] {
    const pids = execFileSync("pgrep", ["-P", String(this.#process?.pid)], { encoding: "utf8" });
    return pids.split("\n").filter(Boolean).map(Number);
  }

  /** Ends it as a crash would, and begins it anew: what a container's restart leaves is left. */
  async crash(port: number): Promise<void> {
    const child = this.#process;
    if (!child) throw new Error("nginx was not started");
    const workers = this.#workers();
    child.kill("SIGKILL");
    for (const pid of workers) process.kill(pid, "SIGKILL");
    await once(child, "exit");
    // As workloads/gateway/start does.
    await rm(join(this.sockets, "nginx.sock"), { force: true });
    await this.start(port);
  }

  /** Everything that it has written: access log, warnings and errors. */
  log(): Promise<string> {
    return readFile(this.#logFile, "utf8");
  }

  /** Ends it, and removes its files. */
  async stop(): Promise<void> {
    if (this.#process && this.#process.exitCode === null) {
      this.#process.kill("SIGTERM");
      await once(this.#process, "exit");
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/`, { redirect: "manual" });
    return true;
  } catch {
    return false;
  }
}

/** A port of the loopback interface that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
