import { readSecret } from "../generated-secret.ts";
import { publishedMode } from "../modes/published.ts";
import { childNames, serviceHost } from "../names.ts";
import { queuePorts } from "../queue/configuration.ts";
import { desiredQueue } from "../queue/desired.ts";
import type { SummaryTarget } from "../queue/summary.ts";
import type { Deps, Scope } from "../scope.ts";

/** How often the queue is asked while writes wait and the database is back: the mode is Draining until none does. */
const drainingPollMs = 1_000;

/**
 * What waits in the write queue. It is asked at once where that decides the mode: while the database is not Normal. One that
 * does not answer leaves it unknown, and what is unknown never keeps the platform from Normal.
 */
export async function lookAtQueue(scope: Scope, { queues, settings }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { name, namespace = "" } = stemhub.metadata;
  const key = { namespace, name };
  queues.aim(key, summaryTarget(scope, settings.clusterDomain));
  const configMap = world.configMaps.find(({ metadata }) => metadata.name === childNames(name).mode);
  if (publishedMode(stemhub, configMap)?.capabilities.database.mode === "Normal") {
    // Nothing can have been queued for it since: what it said last is for the status alone.
    scope.queue = queues.lastOf(key);
    return;
  }
  scope.queue = await queues.askNow(key);
  if (scope.queue && scope.queue.queued > 0) scope.comeBackAfter(drainingPollMs);
}

/** Where the queue is asked; undefined where there is none, or no certificate yet to ask with. */
function summaryTarget({ stemhub, world }: Scope, clusterDomain: string): SummaryTarget | undefined {
  const { name, namespace = "" } = stemhub.metadata;
  const names = childNames(name);
  const client = world.secrets.get(names.operatorClientTls);
  if (!stemhub.spec.queue || !client) return undefined;
  return {
    host: serviceHost(names.queue, namespace, clusterDomain),
    port: queuePorts.api,
    cert: readSecret(client, "tls.crt"),
    key: readSecret(client, "tls.key"),
    ca: readSecret(client, "ca.crt"),
  };
}

/** The write queue and what keeps its writes. */
export async function applyQueue(scope: Scope, { settings }: Deps): Promise<void> {
  const { stemhub, world, apply } = scope;
  const { images, clusterDomain } = settings;
  const keys = world.secrets.get(childNames(stemhub.metadata.name).queueKeys);
  for (const object of desiredQueue({ stemhub, keys, images, clusterDomain })) await apply(object);
}
