import { readSecret } from "../generated-secret.ts";
import { publishedMode } from "../modes/published.ts";
import { childNames, serviceHost } from "../names.ts";
import { queuePorts } from "../queue/configuration.ts";
import { desiredQueue } from "../queue/desired.ts";
import { askQueue } from "../queue/summary.ts";
import type { Deps, Scope } from "../scope.ts";

/** How often the queue is asked while writes wait and the database is back: the mode is Draining until none does. */
const drainingPollMs = 1_000;

/**
 * Asks how many writes wait, where that decides the mode: while the database is not Normal. One that does not answer
 * leaves it unknown, and what is unknown never keeps the platform from Normal.
 */
export async function lookAtQueue(scope: Scope, { settings, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { name, namespace = "" } = stemhub.metadata;
  const names = childNames(name);
  const client = world.secrets.get(names.operatorClientTls);
  if (!stemhub.spec.queue || !client) return;
  const configMap = world.configMaps.find(({ metadata }) => metadata.name === names.mode);
  // Nothing can have been queued for it.
  if (publishedMode(stemhub, configMap)?.capabilities.database.mode === "Normal") return;
  try {
    const summary = await askQueue({
      host: serviceHost(names.queue, namespace, settings.clusterDomain),
      port: queuePorts.api,
      cert: readSecret(client, "tls.crt"),
      key: readSecret(client, "tls.key"),
      ca: readSecret(client, "ca.crt"),
    });
    scope.queue = { pending: summary.queued };
    if (summary.queued > 0) scope.comeBackAfter(drainingPollMs);
  } catch (error) {
    log.warn({ name, reason: String(error) }, "the write queue does not say what waits");
  }
}

/** The write queue and what keeps its writes. */
export async function applyQueue(scope: Scope, { settings }: Deps): Promise<void> {
  const { stemhub, world, apply } = scope;
  const { images, clusterDomain } = settings;
  const keys = world.secrets.get(childNames(stemhub.metadata.name).queueKeys);
  for (const object of desiredQueue({ stemhub, keys, images, clusterDomain })) await apply(object);
}
