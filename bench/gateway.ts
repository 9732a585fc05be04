import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePackages } from "../e2e/cluster/local/packages.ts";
import type { Progress } from "../e2e/progress.ts";
import { run } from "../e2e/support/command.ts";
import { selfSigned } from "../e2e/support/self-signed.ts";
import { nginxConfiguration } from "../operator/stemhub/gateway/nginx.ts";
import { aStemHub } from "../operator/testing/stemhub.ts";
import { handOver, onLoopback } from "../workloads/gateway/testing/gateway.ts";
import { aModeDocument } from "../workloads/gateway/testing/mode.ts";
import { freePort, TestNginx } from "../workloads/gateway/testing/nginx.ts";
import { plainNginx, quickComponent } from "./gateway-peer.ts";
import { type Row, row } from "./report.ts";

/** What the issue asks for, against plain nginx in the same run. */
const targets = { requestsRatio: 0.92, p99Ratio: 1.15 } as const;

/** Each in turn for this long: short, so that both see the same machine. */
const loadSeconds = 5;
const connections = 32;

/** One way in: nginx as a process, and where it listens. */
interface Door {
  readonly nginx: TestNginx;
  readonly https: number;
}

/** What a load saw. */
interface Load {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Of nginx, not of the client and the component that share the machine with it: the steadiest of the three. */
  readonly cpuMicroseconds: number;
}

type Figures = Record<"ours" | "plain", Load[]>;

/**
 * The gateway, all Normal, beside plain nginx: processes of the gateway's image on the loopback interface, the same component
 * behind both, in turn. TLS, kept connections of clients, a connection of its own to the component for each request.
 */
export async function benchGateway(progress: Progress, runs: number): Promise<Row[]> {
  await ensurePackages(progress, [["wrk", "wrk"]]);
  const tls = await selfSigned("studio.example");
  const component = await freePort();
  const running: TestNginx[] = [];
  const folder = await mkdtemp(join(tmpdir(), "bench-gateway-"));
  try {
    running.push(await started({ configuration: quickComponent(component) }, component));
    const ours = await gateway(component, tls);
    running.push(ours.nginx);
    const plain = await peer(component, tls);
    running.push(plain.nginx);
    const post = join(folder, "post.lua");
    await writeFile(post, 'wrk.method = "POST"\nwrk.body = "{}"\n');
    const reads: Figures = { ours: [], plain: [] };
    const writes: Figures = { ours: [], plain: [] };
    for (let each = 1; each <= runs; each++) {
      await progress.step(`run ${each} of ${runs}`, async () => {
        for (const [figures, script] of [
          [reads, undefined],
          [writes, post],
        ] as const) {
          figures.plain.push(await load(plain, script));
          figures.ours.push(await load(ours, script));
        }
      });
    }
    return [...rows("reads", reads, true), ...rows("writes", writes, false)];
  } finally {
    for (const nginx of running) await nginx.stop();
    await rm(folder, { recursive: true });
  }
}

function rows(what: string, { ours, plain }: Figures, held: boolean): Row[] {
  const figure = (name: string, unit: string, value: (load: Load) => number, ratio?: Parameters<typeof row>[3]) =>
    row(`${what}, ${name}`, unit, ours.map(value), {
      peer: { name: "plain nginx", values: plain.map(value) },
      ...(held ? ratio : {}),
    });
  return [
    figure("requests a second", "/s", (load) => load.requestsPerSecond, { ratioAtLeast: targets.requestsRatio }),
    figure("p99", "ms", (load) => load.p99Ms, { ratioAtMost: targets.p99Ratio }),
    figure("processor time of nginx a request", "µs", (load) => load.cpuMicroseconds),
  ];
}

async function gateway(component: number, tls: { cert: string; key: string }): Promise<Door> {
  const [http, https, health] = [await freePort(), await freePort(), await freePort()];
  const configuration = onLoopback(nginxConfiguration(aStemHub(), "cluster.local"), { http, https, health, component });
  const nginx = await started({ configuration, tls }, health);
  await handOver(nginx.sockets, { mode: JSON.stringify(aModeDocument()) });
  return { nginx, https };
}

async function peer(component: number, tls: { cert: string; key: string }): Promise<Door> {
  const [https, health] = [await freePort(), await freePort()];
  return { nginx: await started({ configuration: plainNginx({ https, health, component }), tls }, health), https };
}

async function started(files: Parameters<typeof TestNginx.prepare>[0], port: number): Promise<TestNginx> {
  const nginx = await TestNginx.prepare(files);
  await nginx.start(port);
  return nginx;
}

async function load({ nginx, https }: Door, script: string | undefined): Promise<Load> {
  const how = ["--threads", "1", "--connections", String(connections), "--duration", `${loadSeconds}s`, "--latency"];
  const before = await nginx.cpuSeconds();
  const url = `https://127.0.0.1:${https}/api/projects`;
  const { stdout } = await run("wrk", [...how, ...(script === undefined ? [] : ["--script", script]), url]);
  const cpuSeconds = (await nginx.cpuSeconds()) - before;
  return { ...readWrk(stdout), cpuMicroseconds: (cpuSeconds * 1e6) / requestsOf(stdout) };
}

/** What wrk prints. Errors: where it does not say so, or when anything but 2xx was answered. */
export function readWrk(text: string): Pick<Load, "requestsPerSecond" | "p99Ms"> {
  const [, rate] = /^Requests\/sec:\s+([\d.]+)/m.exec(text) ?? [];
  const [, p99, unit] = /^\s+99%\s+([\d.]+)(us|ms|s)/m.exec(text) ?? [];
  if (rate === undefined || p99 === undefined || /Non-2xx|Socket errors/.test(text)) throw new Error(`wrk:\n${text}`);
  return { requestsPerSecond: Number(rate), p99Ms: Number(p99) * (unit === "us" ? 0.001 : unit === "s" ? 1_000 : 1) };
}

function requestsOf(text: string): number {
  const [, requests] = /^\s*(\d+) requests in /m.exec(text) ?? [];
  if (requests === undefined) throw new Error(`wrk:\n${text}`);
  return Number(requests);
}
