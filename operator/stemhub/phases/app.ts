import { desiredComponents, replicasHandovers } from "../app/desired.ts";
import { handoverManager } from "../app/replicas.ts";
import { loginHash } from "../credentials.ts";
import { desiredGateway } from "../gateway/desired.ts";
import { kinds } from "../kinds.ts";
import { childNames } from "../names.ts";
import { podsOf } from "../observe.ts";
import { takesWrites } from "../postgres/strain.ts";
import { migrationJob } from "../release/job.ts";
import { ledger, readLedger } from "../release/ledger.ts";
import { lastLine, logTail, logTailLines } from "../release/log-tail.ts";
import { decideRollout, jobsToPrune, mayRollOut } from "../release/rollout.ts";
import type { Deps, Scope } from "../scope.ts";
import { appSecret } from "./secrets.ts";

export async function applyGateway({ stemhub, apply }: Scope, { settings }: Deps): Promise<void> {
  const { images, clusterDomain } = settings;
  for (const object of desiredGateway({ stemhub, image: images.gateway, clusterDomain })) await apply(object);
}

/** Brings the schema to the release, and decides whether the components may follow. */
export async function migrate(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world, apply } = scope;
  const done = readLedger(stemhub, world.configMaps);
  const pods = podsOf(world, stemhub, "migration");
  const databaseAvailable = takesWrites(world.topology, scope.warnings, scope.readOnlyChosen);
  const rollout = decideRollout({ stemhub, databaseAvailable, ledger: done, jobs: world.jobs, pods });
  scope.release.rollout = rollout;
  const succeeded = rollout.step === "Migrated" ? { ...done, [rollout.hash]: stemhub.spec.release.version } : done;
  for (const object of ledger(stemhub, succeeded)) await apply(object);

  const { migrate: spec } = stemhub.spec.release;
  if (rollout.step === "CreateJob" && spec) {
    const { images, clusterDomain } = deps.settings;
    const job = migrationJob({ stemhub, postgresImage: images.postgres, clusterDomain }, rollout.hash, spec);
    // Created, not applied: a Job's template cannot change, and a conflict means that it is there.
    deps.cache.observe(await deps.api.create(job));
  }
  if (rollout.step === "Failed")
    await readFailure(scope, deps, childNames(stemhub.metadata.name).migration(rollout.hash));
  for (const name of jobsToPrune(stemhub, world.jobs)) {
    await deps.api.delete(kinds.job, stemhub.metadata.namespace, name, { propagationPolicy: "Background" });
  }
}

/** The end of a failed migration's log, once: a status that has it already is not read again. */
async function readFailure({ stemhub, world, release }: Scope, { api, log }: Deps, job: string): Promise<void> {
  const known = stemhub.status?.release?.migration;
  if (known?.job === job && known.logTail !== undefined) {
    release.logTail = known.logTail;
  } else {
    const pod = podsOf(world, stemhub, "migration").find(
      (p) => p.metadata.labels?.["batch.kubernetes.io/job-name"] === job,
    );
    if (!pod) {
      log.warn({ job, reason: "its pod is gone" }, "no log of the failed migration");
      return;
    }
    const namespace = stemhub.metadata.namespace ?? "";
    release.logTail = logTail(
      await api.logs(namespace, pod.metadata.name, { container: "migrate", tailLines: logTailLines }),
    );
  }
  release.lastLogLine = lastLine(release.logTail);
}

/** Components take the release's images when its migration is done; until then what runs is left as it is. */
export async function applyComponents(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world, apply, desired } = scope;
  const { rollout } = scope.release;
  const secret = appSecret(scope, deps);
  // The phase that makes it is required.
  if (!secret) throw new Error("the app has no login");
  const { clusterDomain } = deps.settings;
  const input = { stemhub, deployments: world.deployments, loginHash: loginHash(secret), clusterDomain };
  if (!rollout || !mayRollOut(rollout)) {
    desired.push(...desiredComponents(input));
    return;
  }
  for (const handover of replicasHandovers(input)) {
    deps.cache.observe(await deps.api.apply(handover, { fieldManager: handoverManager }));
  }
  for (const object of desiredComponents(input)) await apply(object);
}
