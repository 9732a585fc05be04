import { hostname } from "node:os";
import { pino } from "pino";
import { stemhubKind } from "./api/kinds.ts";
import { busyness } from "./runtime/busyness.ts";
import { systemClock } from "./runtime/clock.ts";
import { connect } from "./runtime/connect.ts";
import { runController } from "./runtime/controller.ts";
import { createRecorder } from "./runtime/events.ts";
import { startHealthServer } from "./runtime/health.ts";
import { runLeaderElected } from "./runtime/lease.ts";
import { createMetrics } from "./runtime/metrics.ts";
import { keyOf } from "./runtime/objects.ts";
import { createCache } from "./runtime/watch-cache.ts";
import { readSettings } from "./settings.ts";
import { createAuthMetrics } from "./stemhub/auth/metrics.ts";
import { watchAuth } from "./stemhub/auth/watch.ts";
import { createBackupMetrics } from "./stemhub/backup/metrics.ts";
import { ownedKinds } from "./stemhub/kinds.ts";
import { fieldManager, managedByLabel, stemhubLabel } from "./stemhub/metadata.ts";
import { Lifts } from "./stemhub/modes/lifts.ts";
import { createModeMetrics } from "./stemhub/modes/metrics.ts";
import { watchModes } from "./stemhub/modes/watch.ts";
import { nodeKind, onCordon } from "./stemhub/nodes/cordon.ts";
import { watchPlacement } from "./stemhub/nodes/leader-placement.ts";
import { leaseKind, nodeLeaseNamespace, watchNodes } from "./stemhub/nodes/watch.ts";
import { authorityOf } from "./stemhub/phases/mode-probes.ts";
import { watchDatabases } from "./stemhub/postgres/probe/watch.ts";
import { createQueueMetrics } from "./stemhub/queue/metrics.ts";
import { watchQueues } from "./stemhub/queue/watch.ts";
import { reconcileStemHub } from "./stemhub/reconcile.ts";

/** Wires the operator together. The only place that reads flags, environment and signals. */
async function main(): Promise<void> {
  const settings = readSettings(process.argv, process.env);
  const log = pino({ level: settings.logLevel, base: { host: hostname() }, timestamp: pino.stdTimeFunctions.isoTime });
  const clock = systemClock;
  const metrics = createMetrics();
  const modeMetrics = createModeMetrics(metrics.registry, clock);
  const authMetrics = createAuthMetrics(metrics.registry);
  const queueMetrics = createQueueMetrics(metrics.registry);
  const backups = { metrics: createBackupMetrics(metrics.registry) };
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.once(name, () => {
      log.info({ reason: name }, "stopping");
      stop.abort();
    });
  }

  const api = await connect({
    ...(settings.kubeconfig === undefined ? {} : { kubeconfig: settings.kubeconfig }),
    fieldManager,
    userAgent: "stemhub-operator",
    kinds: [stemhubKind],
    metrics,
  });
  const health = await startHealthServer({
    port: settings.metricsPort,
    metrics,
    live: () => undefined,
    ready: () => (stop.signal.aborted ? "stopping" : undefined),
  });

  let resignedAtMs: number | undefined;
  await runLeaderElected({
    api,
    lease: { ...settings.leaderElection, name: "stemhub-operator" },
    clock,
    log,
    metrics,
    signal: stop.signal,
    onLead: async (leadership) => {
      const labelSelector = Object.entries(managedByLabel).map(([key, value]) => `${key}=${value}`)[0] ?? "";
      const cache = createCache({
        api: leadership.api,
        clock,
        log,
        signal: leadership.signal,
        metrics,
        clusterWide: [{ kind: stemhubKind }, { kind: nodeKind }, { kind: leaseKind, namespace: nodeLeaseNamespace }],
        perNamespace: ownedKinds.map(({ kind }) => ({ kind, labelSelector })),
        fieldManager,
      });
      const recorder = createRecorder({
        api: leadership.api,
        clock,
        log,
        metrics,
        reportingController: "stemhub.dev/operator",
      });
      cache.start();
      await cache.ready();
      const nodes = watchNodes({ cache, clock, log, signal: leadership.signal });
      const databases = watchDatabases({ clock, log, signal: leadership.signal });
      const readAuthority = (namespace: string, name: string) => authorityOf(namespace, name, leadership);
      const auth = watchAuth({ clock, log, signal: leadership.signal, metrics: authMetrics, readAuthority });
      const queues = watchQueues({ clock, log, signal: leadership.signal, metrics: queueMetrics });
      const { measured } = modeMetrics;
      const modes = {
        watch: watchModes({ clock, log, signal: leadership.signal, measured, busyness: busyness(clock) }),
        lifts: new Lifts(clock),
        metrics: modeMetrics,
      };
      const resign = () => {
        resignedAtMs = clock.monotonic();
        leadership.resign();
      };
      if (settings.node !== undefined) {
        const placement = {
          cache,
          clock,
          log,
          signal: leadership.signal,
          ownNode: settings.node,
          resign,
          resignedAtMs,
        };
        watchPlacement(placement).catch((error: unknown) => {
          // It throws only by a bug, and nobody's platform should end for that.
          if (!leadership.signal.aborted) log.error({ reason: String(error) }, "the leader's place is not looked at");
        });
      }
      await runController({
        name: "stemhub",
        api: leadership.api,
        cache,
        primary: { kind: stemhubKind },
        owned: ownedKinds,
        alsoWhen: (reconcile) => {
          const all = () => {
            for (const stemhub of cache.list(stemhubKind, undefined)) reconcile(keyOf(stemhub));
          };
          const unsubscribe = [
            nodes.onChange(all),
            onCordon(cache, all),
            databases.onNews(reconcile),
            modes.watch.onNews(reconcile),
            auth.onNews(reconcile),
            queues.onNews(reconcile),
          ];
          return () => {
            for (const end of unsubscribe) end();
          };
        },
        ownerOf: (object) => object.metadata.labels?.[stemhubLabel],
        reconcile: (key, deps) =>
          reconcileStemHub(key, { ...deps, settings, recorder, nodes, databases, auth, backups, modes, queues }),
        clock,
        log,
        signal: leadership.signal,
        stopping: leadership.stopping,
        metrics,
      });
      await recorder.flush();
    },
  });
  await health.close();
  log.info({}, "stopped");
}

await main();
