import { decoded, readSecret } from "../generated-secret.ts";
import { kinds } from "../kinds.ts";
import { readFailures } from "../modes/causes.ts";
import { askReads, type ReadPath } from "../modes/probe/reads.ts";
import { askService, BadAccessError } from "../modes/probe/service.ts";
import { askStorage, type StorageAccess } from "../modes/probe/storage.ts";
import { canaryKey, serviceAddresses } from "../modes/targets.ts";
import type { ProbeAim } from "../modes/watch.ts";
import { childNames, serviceHost } from "../names.ts";
import { podsOf } from "../observe.ts";
import { proxyPorts } from "../postgres/haproxy.ts";
import { openSession } from "../postgres/probe/session.ts";
import type { Deps, Scope } from "../scope.ts";

/** Between two reads through the database's Service. */
const readPeriodMs = 2_000;
/** For each. Without reads everything stops, so a busy machine must not be taken for a dead one. */
const readTimeoutMs = 2_000;

/** So long credentials are used before they are read again; after a failure they are read at once. */
const accessKeptMs = 300_000;

/** The probes of a StemHub's capabilities: of those that it has, as far as they can be reached by now. */
export function modeProbes(scope: Scope, deps: Deps): ProbeAim[] {
  return [...readsProbe(scope, deps), ...storageProbe(scope, deps), ...serviceProbes(scope, deps)];
}

function readsProbe({ stemhub, world }: Scope, deps: Deps): ProbeAim[] {
  const names = childNames(stemhub.metadata.name);
  const ip = clusterIp(stemhub.metadata.namespace, names.database, deps);
  const [authority, probe] = [world.secrets.get(names.authority), world.secrets.get(names.probeSecret)];
  if (ip === undefined || !authority || !probe) return [];
  const login = { user: readSecret(probe, "username"), password: readSecret(probe, "password") };
  const host = serviceHost(names.database, stemhub.metadata.namespace ?? "", deps.settings.clusterDomain);
  const ca = readSecret(authority, "ca.crt");
  const proxies = podsOf(world, stemhub, "database-proxy")
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .map(({ status }) => (status as { podIP?: string } | undefined)?.podIP)
    .filter((address) => address !== undefined);
  const path = (name: string, address: string): ReadPath => ({
    name,
    open: (deadlineMs) => {
      const member = { ip: address, port: proxyPorts.primaryFirst, host, authority: ca };
      return openSession(member, login, deadlineMs);
    },
  });
  return [
    {
      probe: "reads",
      about: JSON.stringify([ip, proxies, host, ca, login]),
      periodMs: readPeriodMs,
      timeoutMs: readTimeoutMs,
      failures: readFailures,
      open: () => askReads([path(names.database, ip), ...proxies.map((address) => path(address, address))]),
    },
  ];
}

function storageProbe({ stemhub }: Scope, deps: Deps): ProbeAim[] {
  const { storage, modes } = stemhub.spec;
  if (!storage) return [];
  const { endpoint, bucket, region, credentialsSecret, caConfigMap } = storage;
  const key = canaryKey(stemhub);
  const { periodSeconds, timeoutSeconds, failures } = modes.probes.storage;
  const { namespace } = stemhub.metadata;
  const read = async (): Promise<StorageAccess> => {
    const secret = await deps.api.get(kinds.secret, namespace, credentialsSecret.name);
    const part = (name: string): string => {
      const value = secret && decoded(secret, name);
      if (value) return value;
      throw new BadAccessError(`Secret ${credentialsSecret.name} ${secret ? `has no key ${name}` : "is not there"}`);
    };
    const authority = caConfigMap ? await authorityOf(namespace, caConfigMap.name, deps) : undefined;
    return { accessKeyId: part("accessKeyId"), secretAccessKey: part("secretAccessKey"), authority };
  };
  return [
    {
      probe: "storage",
      about: JSON.stringify([endpoint, bucket, region, credentialsSecret, caConfigMap, key]),
      periodMs: periodSeconds * 1_000,
      timeoutMs: timeoutSeconds * 1_000,
      failures,
      open: () => askStorage({ endpoint, bucket, region, key, access: kept(read, deps) }),
    },
  ];
}

function serviceProbes({ stemhub }: Scope, deps: Deps): ProbeAim[] {
  const { namespace } = stemhub.metadata;
  const names = childNames(stemhub.metadata.name);
  const services = [names.component("collaboration"), names.component("auth")];
  const clusterIps = new Map(
    services.flatMap((name) => {
      const ip = clusterIp(namespace, name, deps);
      return ip === undefined ? [] : [[name, ip] as const];
    }),
  );
  return serviceAddresses(stemhub, clusterIps).map(({ probe, url, authority }) => {
    const { periodSeconds, timeoutSeconds, failures } = stemhub.spec.modes.probes[probe];
    const target = { question: probe, url };
    return {
      probe,
      about: JSON.stringify([url, authority]),
      periodMs: periodSeconds * 1_000,
      timeoutMs: timeoutSeconds * 1_000,
      failures,
      open: () => {
        if (authority === undefined) return askService(target);
        const read = kept(() => authorityOf(namespace, authority, deps), deps);
        return askService({ ...target, authority: read });
      },
    };
  });
}

function clusterIp(namespace: string | undefined, service: string, { cache }: Deps): string | undefined {
  const spec = cache.get(kinds.service, namespace, service)?.spec as { clusterIP?: string } | undefined;
  return spec?.clusterIP === "None" ? undefined : spec?.clusterIP;
}

/** The key ca.crt of a ConfigMap. Errors: BadAccessError where it is not there; the API server's. */
export async function authorityOf(
  namespace: string | undefined,
  name: string,
  { api }: Pick<Deps, "api">,
): Promise<string> {
  const configMap = await api.get(kinds.configMap, namespace, name);
  const authority = (configMap?.data as Record<string, string> | undefined)?.["ca.crt"];
  if (authority) return authority;
  throw new BadAccessError(`ConfigMap ${name} ${configMap ? "has no key ca.crt" : "is not there"}`);
}

/** Reads once in a while, and when it is asked to. */
function kept<T>(read: () => Promise<T>, { clock }: Deps): (again: boolean) => Promise<T> {
  let known: { readonly value: T; readonly atMs: number } | undefined;
  return async (again) => {
    if (!again && known && clock.monotonic() - known.atMs < accessKeptMs) return known.value;
    known = { value: await read(), atMs: clock.monotonic() };
    return known.value;
  };
}
