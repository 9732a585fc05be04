import { stemhubKind } from "../api/kinds.ts";
import type { QueueSummary } from "../api/queue-configuration.ts";
import { TransientError } from "../runtime/errors.ts";
import { createRecorder } from "../runtime/events.ts";
import { silentLog } from "../runtime/log.ts";
import { createMetrics } from "../runtime/metrics.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { createCache } from "../runtime/watch-cache.ts";
import { readSettings } from "../settings.ts";
import type { AuthDocuments } from "../stemhub/auth/documents.ts";
import type { AuthWatch } from "../stemhub/auth/watch.ts";
import { createBackupMetrics } from "../stemhub/backup/metrics.ts";
import { ownedKinds } from "../stemhub/kinds.ts";
import { fieldManager } from "../stemhub/metadata.ts";
import { Lifts } from "../stemhub/modes/lifts.ts";
import { createModeMetrics } from "../stemhub/modes/metrics.ts";
import { watchModes } from "../stemhub/modes/watch.ts";
import { nodeKind } from "../stemhub/nodes/cordon.ts";
import type { NodeWatch } from "../stemhub/nodes/watch.ts";
import { type DatabaseWatch, type DatabaseWatchOptions, watchDatabases } from "../stemhub/postgres/probe/watch.ts";
import { createQueueMetrics } from "../stemhub/queue/metrics.ts";
import { watchQueues } from "../stemhub/queue/watch.ts";
import { reconcileStemHub } from "../stemhub/reconcile.ts";
import { FakeClock } from "./clock.ts";
import { MemoryApiServer } from "./memory-api.ts";
import { aStemHub } from "./stemhub.ts";

const settings = readSettings(
  [
    "node",
    "operator",
    "--postgres-image=p",
    "--database-proxy-image=h",
    "--gateway-image=g",
    "--queue-image=q",
    "--nats-image=n",
  ],
  {},
);

/** A database that nobody asks. */
const unasked: DatabaseWatch = {
  aim: () => undefined,
  rest: () => undefined,
  forget: () => undefined,
  findingsOf: () => undefined,
  writesOf: () => undefined,
  onNews: () => () => undefined,
};

/**
 * A StemHub before an API server that has `existing`, and the operator that looks at it pass by pass. With a `network` its database
 * is asked.
 */
export async function platform(
  stemhub = aStemHub(),
  existing: readonly KubeObject[] = [],
  network?: DatabaseWatchOptions["network"],
) {
  const [clock, server, stop] = [new FakeClock(), new MemoryApiServer(), new AbortController()];
  const shared = { api: server.client(), clock, log: silentLog, signal: stop.signal };
  for (const object of [stemhub as unknown as KubeObject, ...existing]) await shared.api.create(object);
  const cache = createCache({
    ...shared,
    clusterWide: [{ kind: stemhubKind }, { kind: nodeKind }],
    perNamespace: ownedKinds.map(({ kind }) => ({ kind })),
    fieldManager,
  });
  cache.start();
  await cache.ready();
  const recorder = createRecorder({ ...shared, metrics: createMetrics(), reportingController: fieldManager });
  const databases = network ? watchDatabases({ ...shared, random: () => 0.5, network }) : unasked;
  const fetched: { documents: AuthDocuments; states: ReturnType<AuthWatch["statesOf"]> } = {
    documents: {},
    states: {},
  };
  const auth: AuthWatch = {
    aim: () => undefined,
    keysOf: () => fetched.documents,
    statesOf: () => fetched.states,
    onNews: () => () => undefined,
  };
  const queue: { summary: QueueSummary | undefined } = { summary: undefined };
  const queues = watchQueues({
    ...shared,
    metrics: createQueueMetrics(createMetrics().registry),
    ask: async () => {
      if (!queue.summary) throw new TransientError("the write queue does not answer");
      return queue.summary;
    },
  });
  const modes = {
    watch: watchModes({ ...shared, random: () => 0.5 }),
    lifts: new Lifts(clock),
    metrics: createModeMetrics(createMetrics().registry, clock),
  };
  const backups = { metrics: createBackupMetrics(createMetrics().registry) };
  const nodes: NodeWatch = { stateOf: () => "unknown", healedWithin: () => false, onChange: () => () => undefined };
  const { namespace = "", name } = stemhub.metadata;
  const pass = async () => {
    server.calls.length = 0;
    const deps = { ...shared, cache, settings, recorder, nodes, databases, auth, backups, modes, queues };
    const result = await reconcileStemHub({ namespace, name }, deps).catch((error: unknown) => error);
    await recorder.flush();
    return { result, writes: server.calls.filter(({ verb }) => !["get", "list", "watch"].includes(verb)) };
  };
  return { clock, server, fetched, queue, queues, databases, modes, pass, stop: () => stop.abort() };
}
