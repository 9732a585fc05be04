import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePackages } from "../e2e/cluster/local/packages.ts";
import type { Progress } from "../e2e/progress.ts";
import { run } from "../e2e/support/command.ts";
import { selfSigned } from "../e2e/support/self-signed.ts";
import { authFile } from "../operator/stemhub/gateway/auth.ts";
import { nginxConfiguration } from "../operator/stemhub/gateway/nginx.ts";
import { aStemHub } from "../operator/testing/stemhub.ts";
import { handOver, onLoopback } from "../workloads/gateway/testing/gateway.ts";
import { aModeDocument } from "../workloads/gateway/testing/mode.ts";
import { freePort, TestNginx } from "../workloads/gateway/testing/nginx.ts";
import { claims, keySet, mint } from "../workloads/gateway/testing/token/mint.ts";
import { plainNginx, quickComponent } from "./gateway-peer.ts";
import { type Row, row } from "./report.ts";

/** What the issue asks for, against plain nginx in the same run. */
const targets = { requestsRatio: 0.92, p99Ratio: 1.15, requestsRatioWithToken: 0.8 } as const;

/** Each in turn for this long: short, so that both see the same machine. */
const loadSeconds = 2;
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
    const token = mint({ payload: { ...claims, iat: Date.now() / 1000 - 60, exp: Date.now() / 1000 + 3600 } });
    const asked = {
      reads: { path: "/api/projects", more: [] },
      writes: { path: "/api/projects", more: ["--script", post] },
      // The same token again and again, as a user's is: its signature is verified once.
      tokens: { path: "/api/mine/", more: ["--header", `Authorization: Bearer ${token}`] },
    } as const;
    const reads: Figures = { ours: [], plain: [] };
    const writes: Figures = { ours: [], plain: [] };
    const tokens: Figures = { ours: [], plain: [] };
    for (let each = 1; each <= runs; each++) {
      await progress.step(`run ${each} of ${runs}`, async () => {
        for (const [figures, what] of [
          [reads, asked.reads],
          [writes, asked.writes],
          [tokens, asked.tokens],
        ] as const) {
          figures.plain.push(await load(plain, what));
          figures.ours.push(await load(ours, what));
        }
      });
    }
    return [
      ...rows("reads", reads, { ratioAtLeast: targets.requestsRatio, p99: true }),
      ...rows("writes", writes, {}),
      ...rows("reads with a token", tokens, { ratioAtLeast: targets.requestsRatioWithToken }),
    ];
  } finally {
    for (const nginx of running) await nginx.stop();
    await rm(folder, { recursive: true });
  }
}

function rows(
  what: string,
  { ours, plain }: Figures,
  held: { readonly ratioAtLeast?: number; readonly p99?: boolean },
): Row[] {
  const figure = (name: string, unit: string, value: (load: Load) => number, ratio?: Parameters<typeof row>[3]) =>
    row(`${what}, ${name}`, unit, ours.map(value), {
      peer: { name: "plain nginx", values: plain.map(value) },
      ...ratio,
    });
  return [
    figure("requests a second", "/s", (load) => load.requestsPerSecond, {
      ...(held.ratioAtLeast === undefined ? {} : { ratioAtLeast: held.ratioAtLeast }),
    }),
    figure("p99", "ms", (load) => load.p99Ms, held.p99 ? { ratioAtMost: targets.p99Ratio } : {}),
    figure("processor time of nginx a request", "µs", (load) => load.cpuMicroseconds),
  ];
}

async function gateway(component: number, tls: { cert: string; key: string }): Promise<Door> {
  const [http, https, health] = [await freePort(), await freePort(), await freePort()];
  const stemhub = aStemHub({
    auth: { issuer: claims.iss, audience: claims.aud, jwks: { url: "https://id.example/keys" } },
    gateway: {
      routes: [
        { path: "/", component: "api" },
        { path: "/api/mine/", component: "api", access: "User" },
      ],
    },
  });
  const configuration = onLoopback(nginxConfiguration(stemhub, "cluster.local"), { http, https, health, component });
  const nginx = await started({ configuration, tls, files: { "gateway/auth.json": authFile(stemhub) ?? "" } }, health);
  const jwks = JSON.stringify({ fetched: new Date().toISOString(), keys: keySet });
  await handOver(nginx.sockets, { mode: JSON.stringify(aModeDocument()), jwks });
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

async function load(
  { nginx, https }: Door,
  { path, more }: { readonly path: string; readonly more: readonly string[] },
): Promise<Load> {
  const how = ["--threads", "1", "--connections", String(connections), "--duration", `${loadSeconds}s`, "--latency"];
  const before = await nginx.cpuSeconds();
  const url = `https://127.0.0.1:${https}${path}`;
  const { stdout } = await run("wrk", [...how, ...more, url]);
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
