import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { connect as connectNats, type NatsConnection } from "@nats-io/transport-node";
import { Command } from "commander";
import { pino } from "pino";
import { backoffMs } from "../../operator/runtime/backoff.ts";
import { systemClock } from "../../operator/runtime/clock.ts";
import { connect } from "../../operator/runtime/connect.ts";
import { startHealthServer } from "../../operator/runtime/health.ts";
import { type Log, silentLog } from "../../operator/runtime/log.ts";
import { createMetrics } from "../../operator/runtime/metrics.ts";
import { judge, listDeadLetters } from "./dead-letters.ts";
import type { Verdict } from "./decide.ts";
import { followStream } from "./follow.ts";
import { ModeView, watchMode } from "./mode.ts";
import { Mounted, whenChanged } from "./mounted.ts";
import { startQueue, streams } from "./queue.ts";
import { createQueueServer, listen } from "./server.ts";
import { WriteStore } from "./store.ts";
import { WriteIndex } from "./write-index.ts";

const clock = systemClock;
/** Of one connection that is silent: with a ping every 5 s, two of which stay unanswered. */
const pingMs = 5_000;
/** A command that a person waits for. */
const commandDeadlineMs = 30_000;

const program = new Command("queue").description("Writes that wait for the database, and what became of them.");
program.option("--directory <path>", "where configuration, keys and certificates are mounted", "/etc/stemhub");

program
  .command("serve", { isDefault: true })
  .description("takes writes, and replays them when the database is back")
  .option("--port <port>", "port of the API", Number, 8443)
  .option("--health-port <port>", "port of /healthz, /readyz and /metrics", Number, 8081)
  .option("--kubeconfig <path>", "outside a cluster: where the mode is read")
  .action((options: { port: number; healthPort: number; kubeconfig?: string }) => serve(options));

const deadLetters = program.command("dead-letters").description("writes that a person has to look at");
deadLetters
  .command("list")
  .description("prints one JSON line each, the oldest first")
  .action(() =>
    withStore(async (store, index) => {
      for (const letter of await listDeadLetters(store, index)) console.log(JSON.stringify(letter));
    }),
  );
for (const [verdict, description] of [
  ["retry", "queues them again, in the place that they had"],
  ["drop", "ends them for good: their authors are told Dropped"],
] as const satisfies readonly (readonly [Verdict, string])[]) {
  deadLetters
    .command(verdict)
    .description(description)
    .argument("[ids...]", "as list prints them")
    .option("--all", "every one that there is", false)
    .action((ids: string[], { all }: { all: boolean }) => judgeThem(verdict, ids, all));
}

await program.parseAsync();

async function serve(options: { port: number; healthPort: number; kubeconfig?: string }): Promise<void> {
  const log = pino({ base: { host: hostname() }, timestamp: pino.stdTimeFunctions.isoTime });
  const stop = new AbortController();
  const { signal } = stop;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.once(name, () => {
      log.info({ reason: name }, "stopping");
      stop.abort();
    });
  }
  const mounted = mountedFiles();
  const configuration = await mounted.configuration();
  const { stemhub, namespace } = configuration;
  let keys = await mounted.keyRing();
  const mode = new ModeView();
  const { kubeconfig } = options;
  const api = await connect({ ...(kubeconfig ? { kubeconfig } : {}), fieldManager: "stemhub-queue" });
  const watching = watchMode({ api, clock, log, signal }, { namespace, name: `${stemhub}-mode` }, mode);

  let notReady: string | undefined = "NATS was not reached yet";
  const health = await startHealthServer({
    port: options.healthPort,
    metrics: createMetrics(),
    live: () => undefined,
    ready: () => (signal.aborted ? "stopping" : notReady),
  });
  const connection = await natsConnection(mounted, configuration.nats.servers, true);
  const signingKey = await mounted.signingKey();
  const worker = hostname();
  const deps = { configuration, connection, keys: () => keys, signingKey, mode, clock, log, worker };
  const queue = await patiently(log, signal, () => startQueue(deps, signal));
  if (queue) {
    const server = createQueueServer(queue.door, configuration, await mounted.tls());
    const watchFiles = { clock, log, signal };
    const changes = [
      whenChanged(
        watchFiles,
        "data keys",
        () => mounted.keyRing(),
        (ring) => {
          keys = ring;
        },
      ),
      whenChanged(
        watchFiles,
        "certificate",
        () => mounted.tls(),
        (tls) => server.setSecureContext(tls),
      ),
    ];
    const port = await listen(server, options.port);
    notReady = undefined;
    log.info({ port }, "taking writes");
    await Promise.all([queue.ended, ...changes]);
    // Requests that were begun end; their connections then too.
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    await closed;
  }
  await watching;
  await Promise.all([health.close(), connection.close()]);
  log.info({}, "stopped");
}

/** JetStream has no quorum while its servers start: it is asked until it has one. Undefined once the signal is aborted. */
async function patiently<T>(log: Log, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await work();
    } catch (error) {
      log.warn({ reason: String(error) }, "the store cannot be opened yet");
      await clock.sleep(backoffMs(failures, { minMs: 500, maxMs: 5_000 }), signal).catch(() => undefined);
    }
  }
  return undefined;
}

async function judgeThem(verdict: Verdict, ids: readonly string[], all: boolean): Promise<void> {
  if (all === ids.length > 0) throw new Error(`dead-letters ${verdict} needs either ids or --all`);
  await withStore(async (store, index) => {
    const chosen = all ? index.deadLetters().map(({ id }) => id) : ids;
    for (const id of chosen) {
      const { name } = await judge(store, id, verdict, clock.now());
      console.log(JSON.stringify({ id, state: name }));
    }
  });
}

/** Opens the store beside the processes that serve, waits until all of it is known, and closes it again. */
async function withStore(work: (store: WriteStore, index: WriteIndex) => Promise<void>): Promise<void> {
  const mounted = mountedFiles();
  const { nats } = await mounted.configuration();
  const keys = await mounted.keyRing();
  const connection = await natsConnection(mounted, nats.servers, false);
  const stop = new AbortController();
  try {
    const { replicas, maxBytes } = nats;
    const store = await WriteStore.open(connection, { stream: streams.writes, replicas, maxBytes, keys: () => keys });
    const index = new WriteIndex();
    const following = followStream({ store, index, keys: () => keys, clock, log: silentLog }, stop.signal);
    const { lastSeq } = await store.position();
    await index.caughtUp(lastSeq, AbortSignal.timeout(commandDeadlineMs));
    await work(store, index);
    stop.abort();
    await following;
  } finally {
    stop.abort();
    await connection.close();
  }
}

function mountedFiles(): Mounted {
  return new Mounted(program.opts<{ directory: string }>().directory);
}

async function natsConnection(mounted: Mounted, servers: readonly string[], forEver: boolean): Promise<NatsConnection> {
  const { user, pass, ca } = await mounted.nats();
  return await connectNats({
    servers: [...servers],
    user,
    pass,
    tls: { ca },
    name: `stemhub-queue ${hostname()} ${randomUUID().slice(0, 8)}`,
    pingInterval: pingMs,
    maxPingOut: 2,
    // A queue without NATS answers 503 and waits: restarted, it would do no more.
    ...(forEver ? { maxReconnectAttempts: -1, waitOnFirstConnect: true } : { timeout: commandDeadlineMs }),
  });
}
