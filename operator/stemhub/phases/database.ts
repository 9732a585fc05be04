import { ForbiddenError, NamespaceEndingError } from "../../runtime/errors.ts";
import { archiveHealth, archiveLagBounds } from "../backup/archive-health.ts";
import { memberParts } from "../backup/members.ts";
import { kinds } from "../kinds.ts";
import { podsOf } from "../observe.ts";
import { desiredDatabase } from "../postgres/desired.ts";
import {
  decideGrowth,
  growthPatch,
  refusalPollMs,
  smallestVolume,
  templateSize,
  volumeNotExpandable,
} from "../postgres/growth.ts";
import { checkedParameters } from "../postgres/parameters.ts";
import type { ProbeTarget } from "../postgres/probe/database-probe.ts";
import { probeTarget } from "../postgres/probe/target.ts";
import { decideScale } from "../postgres/scale.ts";
import { databaseWarnings, isReadOnly, newsBounds } from "../postgres/strain.ts";
import type { Deps, Scope } from "../scope.ts";
import { silencesToTell } from "./modes.ts";

/** Where the database's members are reached now, and the probe's login; undefined while there is no primary. */
export function databaseTarget({ stemhub, world }: Scope, { settings }: Deps): ProbeTarget | undefined {
  const { topology, secrets } = world;
  const pods = podsOf(world, stemhub, "database");
  return probeTarget({ stemhub, topology, pods, secrets, clusterDomain: settings.clusterDomain });
}

/** Sees to it that the database is asked how it does, and takes in what it has said. */
export async function askDatabase(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { databases, backups, clock } = deps;
  const { topology } = world;
  const { namespace = "", name } = stemhub.metadata;
  const key = { namespace, name };
  const target = databaseTarget(scope, deps);
  const { backup } = stemhub.spec;
  const { longTransactionSeconds } = stemhub.spec.database;
  const bounds = newsBounds(longTransactionSeconds, silencesToTell, backup ? archiveLagBounds(backup) : []);
  if (target) databases.aim(key, target, bounds);
  else databases.rest(key);
  scope.findings = databases.findingsOf(key);
  const { findings, warnings: before } = scope;
  scope.warnings = databaseWarnings({ topology, findings, before, longTransactionSeconds, now: clock.now() });
  if (!backup) {
    backups.metrics.forget(key);
    return;
  }
  backups.metrics.follow(key, () => databases.findingsOf(key)?.archive);
  const archive = findings?.archive;
  scope.archive = archiveHealth({ stemhub, backup, archive, before: scope.archive, now: clock.now() });
}

export async function applyDatabase(scope: Scope, { settings, log }: Deps): Promise<void> {
  const { stemhub, world, apply } = scope;
  const { images, clusterDomain } = settings;
  const { instances } = stemhub.spec.database;
  checkedParameters(stemhub);
  const current = (world.statefulSet?.spec as { replicas?: number } | undefined)?.replicas;
  const { replicas, waiting } = decideScale(instances, current, world.topology);
  if (waiting) log.info({ name: stemhub.metadata.name, reason: waiting.message }, "members stay for now");
  if (waiting?.moveRole) {
    scope.switchoverWish = { cause: "ScaleDown", mayBecomePrimary: ({ ordinal }) => ordinal < instances };
  }
  const readOnly = isReadOnly(scope.warnings, scope.readOnlyChosen);
  const beside = memberParts(stemhub, images.postgres);
  const input = { stemhub, topology: world.topology, replicas, readOnly, images, clusterDomain, beside };
  const volumes = {
    templateSize: templateSize(stemhub, world.statefulSet),
    volumeSize: smallestVolume({ stemhub, claims: world.claims }) ?? stemhub.spec.database.storage.size,
  };
  for (const object of desiredDatabase({ ...input, ...volumes })) await apply(object);
}

/** Lets volumes grow to the size of the spec. All are asked, so that one that may not grow holds up no other. */
export async function growVolumes(scope: Scope, { api, cache, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { asks } = decideGrowth({ stemhub, claims: world.claims });
  const refusals: Error[] = [];
  for (const ask of asks) {
    log.info({ ...ask, reason: "the spec asks for more" }, "a volume is to grow");
    try {
      const { namespace } = stemhub.metadata;
      cache.observe(await api.patch(kinds.claim, namespace, ask.claim, growthPatch(ask), { type: "merge" }));
    } catch (error) {
      if (!(error instanceof ForbiddenError) || error instanceof NamespaceEndingError) throw error;
      refusals.push(volumeNotExpandable(ask, error.message));
    }
  }
  const [first] = refusals;
  if (!first) return;
  scope.comeBackAfter(refusalPollMs);
  throw first;
}
