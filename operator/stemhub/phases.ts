import { componentsOf } from "../api/stemhub.ts";
import { ForbiddenError, NamespaceEndingError, TransientError } from "../runtime/errors.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { usesDatabase } from "./app/deployment.ts";
import { desiredComponents, replicasHandovers } from "./app/desired.ts";
import { handoverManager } from "./app/replicas.ts";
import { loginHash } from "./credentials.ts";
import { desiredGateway } from "./gateway/desired.ts";
import { encoded, readSecret } from "./generated-secret.ts";
import { kinds, prunedKinds } from "./kinds.ts";
import { fieldManager, stemhubLabel } from "./metadata.ts";
import { childNames, patroniStoreNames } from "./names.ts";
import { isCordoned } from "./nodes/cordon.ts";
import { servingChanges, servingPatch } from "./nodes/serving.ts";
import { podsOf } from "./observe.ts";
import { authorityConfigMap, certificateRenewals } from "./pki/desired.ts";
import { podTrouble } from "./pod-trouble.ts";
import { desiredDatabase } from "./postgres/desired.ts";
import {
  decideGrowth,
  growthPatch,
  refusalPollMs,
  smallestVolume,
  templateSize,
  volumeNotExpandable,
} from "./postgres/growth.ts";
import { closeLogin, openLogin } from "./postgres/logins.ts";
import { checkedParameters } from "./postgres/parameters.ts";
import { type Session, withSession } from "./postgres/probe/session.ts";
import { probeTarget } from "./postgres/probe/target.ts";
import { decideRebuild, outOfSyncSince, stuckGraceSeconds } from "./postgres/rebuild.ts";
import { decideRestart } from "./postgres/restart.ts";
import { decideRotation } from "./postgres/rotation.ts";
import { decideScale } from "./postgres/scale.ts";
import { databaseWarnings, isReadOnly, newsBounds } from "./postgres/strain.ts";
import { decideSwitchover, switchoverRequest } from "./postgres/switchover.ts";
import { memberClaim } from "./postgres/topology.ts";
import { migrationJob } from "./release/job.ts";
import { ledger, readLedger } from "./release/ledger.ts";
import { lastLine, logTail, logTailLines } from "./release/log-tail.ts";
import { decideRollout, jobsToPrune, mayRollOut } from "./release/rollout.ts";
import type { Deps, Scope } from "./scope.ts";
import { generatePassword, missingSecrets } from "./secrets.ts";

/** One step of a pass. Its errors do not silence the phases after it, unless they need what it makes. */
export interface Phase {
  readonly name: string;
  /** Nothing after it can work without it. */
  readonly required?: true;
  readonly run: (scope: Scope, deps: Deps) => Promise<void>;
}

/** A pass, in order. */
export const phases: readonly Phase[] = [
  { name: "serving", run: leaveLostNodes },
  { name: "secrets", required: true, run: createSecrets },
  { name: "certificates", run: renewCertificates },
  { name: "strain", run: askDatabase },
  { name: "database", run: applyDatabase },
  { name: "growth", run: growVolumes },
  { name: "restart", run: restartMembers },
  { name: "rebuild", run: rebuildMembers },
  { name: "drain", run: leaveCordonedNode },
  { name: "switchover", run: switchOver },
  { name: "rotation", run: rotatePassword },
  { name: "gateway", run: applyGateway },
  { name: "release", run: migrate },
  { name: "components", run: applyComponents },
  { name: "prune", run: prune },
];

/** Services lead to no pod of a lost node, and to all others. First of all: every second counts, and it needs nothing. */
async function leaveLostNodes({ stemhub, world }: Scope, { api, cache, nodes, log }: Deps): Promise<void> {
  const { namespace } = stemhub.metadata;
  for (const change of servingChanges(world.pods, (node) => nodes.stateOf(node))) {
    const { pod, node, serving } = change;
    log.info({ pod, node, serving }, "Services and a pod of a lost node");
    cache.observe(await api.patch(kinds.pod, namespace, pod, servingPatch(change), { type: "merge" }));
  }
}

/** Generated Secrets are created and never applied: one that exists is the truth. */
async function createSecrets({ stemhub, world, apply }: Scope, { api, cache, clock, settings }: Deps): Promise<void> {
  const { clusterDomain } = settings;
  const missing = await missingSecrets({ stemhub, existing: world.secrets, clusterDomain, now: clock.now() });
  for (const secret of missing) cache.observe(await api.create(secret));
  const name = childNames(stemhub.metadata.name).authority;
  const authority = world.secrets.get(name) ?? missing.find((secret) => secret.metadata.name === name);
  for (const object of authorityConfigMap(stemhub, authority)) await apply(object);
}

/** Sees to it that the database is asked how it does, and takes in what it has said. */
async function askDatabase(scope: Scope, { databases, clock, settings }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { namespace = "", name } = stemhub.metadata;
  const key = { namespace, name };
  const { topology, secrets } = world;
  const pods = podsOf(world, stemhub, "database");
  const target = probeTarget({ stemhub, topology, pods, secrets, clusterDomain: settings.clusterDomain });
  const { longTransactionSeconds } = stemhub.spec.database;
  if (target) databases.aim(key, target, newsBounds(longTransactionSeconds));
  else databases.forget(key);
  scope.findings = databases.findingsOf(key);
  const { findings, warnings: before } = scope;
  scope.warnings = databaseWarnings({ topology, findings, before, longTransactionSeconds, now: clock.now() });
}

/** Replaces certificates whose time has come. Pods take them up by themselves; passwords are not touched. */
async function renewCertificates(scope: Scope, { api, cache, clock, recorder, settings, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { clusterDomain } = settings;
  const { renewals, nextInMs } = await certificateRenewals({
    stemhub,
    existing: world.secrets,
    clusterDomain,
    now: clock.now(),
  });
  for (const { secret, reason, message, patch } of renewals) {
    log.info({ secret, reason }, "renewing a certificate");
    cache.observe(await api.patch(kinds.secret, stemhub.metadata.namespace, secret, patch, { type: "merge" }));
    recorder.event(stemhub, { type: "Normal", reason: "CertificateRenewed", note: message });
  }
  if (nextInMs !== undefined) scope.comeBackAfter(nextInMs);
}

async function applyDatabase(scope: Scope, { settings, log }: Deps): Promise<void> {
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
  const readOnly = isReadOnly(scope.warnings);
  const input = { stemhub, topology: world.topology, replicas, readOnly, images, clusterDomain };
  const volumes = {
    templateSize: templateSize(stemhub, world.statefulSet),
    volumeSize: smallestVolume({ stemhub, claims: world.claims }) ?? stemhub.spec.database.storage.size,
  };
  for (const object of desiredDatabase({ ...input, ...volumes })) await apply(object);
}

/** Lets volumes grow to the size of the spec. All are asked, so that one that may not grow holds up no other. */
async function growVolumes(scope: Scope, { api, cache, log }: Deps): Promise<void> {
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

/** Brings the members to the newest template, one at a time. */
async function restartMembers(scope: Scope, { api, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const decision = decideRestart({
    topology: world.topology,
    instances: stemhub.spec.database.instances,
    switchoverUnderWay: scope.switchover?.phase === "Requested",
  });
  switch (decision.step) {
    case "none":
    case "wait":
      return;
    case "moveRole":
      scope.switchoverWish ??= { cause: "Restart", mayBecomePrimary: (member) => !member.outdated };
      return;
    case "restart":
      log.info({ pod: decision.pod, reason: decision.message }, "restarting a member");
      await api.delete(kinds.pod, stemhub.metadata.namespace, decision.pod, { uid: decision.uid });
  }
}

/** Gives a replica that cannot mend itself a new volume. Patroni copies the primary onto it. */
async function rebuildMembers(scope: Scope, { api, clock, nodes, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { instances } = stemhub.spec.database;
  const now = clock.now();
  const pods = podsOf(world, stemhub, "database");
  const decision = decideRebuild({
    topology: world.topology,
    instances,
    outOfSync: outOfSyncSince(world.topology, instances, stemhub.status?.database?.outOfSync ?? [], now),
    rebuilds: scope.rebuilds,
    receives: (pod) => scope.findings?.database?.standbys.includes(pod),
    // Patroni names a slot after its member; a slot's name cannot have a dash.
    walRemoved: (pod) => scope.findings?.database?.lostSlots.includes(pod.replaceAll("-", "_")) ?? false,
    hindered: ({ pod, node }) => {
      const found = pods.find(({ metadata }) => metadata.name === pod);
      const trouble = found && podTrouble(found);
      return nodes.stateOf(node) === "lost" || (trouble !== undefined && trouble.reason !== "CrashLoop");
    },
    now,
  });
  switch (decision.step) {
    case "none":
      return;
    case "wait":
      scope.comeBackAfter(decision.requeueAfterMs);
      return;
    case "restart":
      log.warn({ pod: decision.member.pod, reason: decision.message }, "restarting a member");
      await api.delete(kinds.pod, stemhub.metadata.namespace, decision.member.pod, {
        uid: decision.member.uid,
        gracePeriodSeconds: stuckGraceSeconds,
      });
      return;
    case "rebuild": {
      const { member, report } = decision;
      log.warn({ pod: member.pod, reason: report.reason }, "rebuilding a member");
      const { namespace } = stemhub.metadata;
      // The claim first: it goes when its pod has gone, and the next pod waits for that.
      await api.delete(kinds.claim, namespace, memberClaim(member.pod));
      await api.delete(kinds.pod, namespace, member.pod, { uid: member.uid });
      scope.rebuilds = [...scope.rebuilds, report];
      scope.comeBackAfter(0);
    }
  }
}

/** A node that is closed is about to be drained: its pods will be evicted, the primary's as a replica's. */
async function leaveCordonedNode(scope: Scope, { cache }: Deps): Promise<void> {
  const { primary, members } = scope.world.topology;
  if (!isCordoned(cache, members.find(({ pod }) => pod === primary)?.node)) return;
  scope.switchoverWish ??= { cause: "Drain", mayBecomePrimary: ({ node }) => !isCordoned(cache, node) };
}

/** Moves the primary's role where a person or a change asks for that. Patroni does it: the operator only leaves it the request. */
async function switchOver(scope: Scope, { api, cache, clock, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const decision = decideSwitchover({
    stemhub,
    topology: world.topology,
    wish: scope.switchoverWish,
    now: clock.now(),
  });
  switch (decision.step) {
    case "none":
      return;
    case "wait":
      scope.comeBackAfter(decision.requeueAfterMs);
      return;
    case "ask":
      cache.observe(await api.apply(switchoverRequest(stemhub, decision), { fieldManager }));
      scope.comeBackAfter(decision.requeueAfterMs);
      return;
    case "withdraw":
      cache.observe(await api.apply(switchoverRequest(stemhub), { fieldManager }));
      break;
    case "open":
      // Our own status wakes nobody.
      scope.comeBackAfter(0);
      break;
    case "close":
      break;
  }
  scope.switchover = decision.report;
  log.info(
    { name: stemhub.metadata.name, phase: decision.report.phase, reason: decision.report.message },
    "switchover",
  );
}

/** Replaces the app's password on request, while the app runs. */
async function rotatePassword(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { api, cache, clock, log } = deps;
  const secret = appSecret(scope, deps);
  if (!secret) return;
  const signIn = componentsOf(stemhub).filter(({ name, component }) => usesDatabase(name, component));
  const deployments = signIn.map(({ name }) => childNames(stemhub.metadata.name).component(name));
  const decision = decideRotation({
    stemhub,
    databaseAvailable: world.topology.primary !== undefined && !isReadOnly(scope.warnings),
    login: readSecret(secret, "username"),
    loginHash: loginHash(secret),
    deployments: world.deployments.filter(({ metadata }) => deployments.includes(metadata.name)),
    pods: signIn.flatMap(({ name }) => podsOf(world, stemhub, name)),
    now: clock.now(),
  });
  switch (decision.step) {
    case "none":
      return;
    case "open":
      // Our own status wakes nobody.
      scope.comeBackAfter(0);
      break;
    case "wait":
      scope.comeBackAfter(decision.requeueAfterMs);
      break;
    case "prepare": {
      const password = generatePassword();
      log.info({ name: stemhub.metadata.name, reason: decision.report.message }, "a login of the app is opened");
      await asSuperuser(scope, deps, (session) => openLogin(session, decision.login, password));
      const { namespace, name, resourceVersion } = secret.metadata;
      const body = { metadata: { resourceVersion }, data: encoded({ username: decision.login, password }) };
      cache.observe(await api.patch(kinds.secret, namespace, name, body, { type: "merge" }));
      break;
    }
    case "retire":
      log.info({ name: stemhub.metadata.name, reason: decision.report.message }, "a login of the app is closed");
      await asSuperuser(scope, deps, (session) => closeLogin(session, decision.login));
      break;
  }
  scope.rotation = decision.report;
}

/** As it is now, by the own writes of this pass too. */
function appSecret({ stemhub }: Scope, { cache }: Deps): KubeObject | undefined {
  return cache.get(kinds.secret, stemhub.metadata.namespace, childNames(stemhub.metadata.name).appSecret);
}

/** Long enough for a commit on a busy primary; with no standby it would be for ever. */
const superuserDeadlineMs = 5_000;

/** Does something on the primary that needs all rights, such as a role's password. Errors: as withSession, or when there is no primary. */
async function asSuperuser(
  { stemhub, world }: Scope,
  { clock, settings }: Deps,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const { topology, secrets } = world;
  const pods = podsOf(world, stemhub, "database");
  const target = probeTarget({ stemhub, topology, pods, secrets, clusterDomain: settings.clusterDomain });
  const superuser = secrets.get(childNames(stemhub.metadata.name).superuserSecret);
  if (!target || !superuser) throw new TransientError("there is no primary to change a role on");
  const login = { user: readSecret(superuser, "username"), password: readSecret(superuser, "password") };
  await withSession(clock, { address: target.primary.address, login, deadlineMs: superuserDeadlineMs }, work);
}

async function applyGateway({ stemhub, apply }: Scope, { settings }: Deps): Promise<void> {
  const { images, clusterDomain } = settings;
  for (const object of desiredGateway({ stemhub, image: images.gateway, clusterDomain })) await apply(object);
}

/** Brings the schema to the release, and decides whether the components may follow. */
async function migrate(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world, apply } = scope;
  const done = readLedger(stemhub, world.configMaps);
  const pods = podsOf(world, stemhub, "migration");
  const databaseAvailable = world.topology.primary !== undefined && !isReadOnly(scope.warnings);
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
async function applyComponents(scope: Scope, deps: Deps): Promise<void> {
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

/**
 * Removes what the spec no longer asks for. Only objects that name this StemHub as their owner: what is kept beyond it,
 * and what Patroni makes, is not ours to remove here. Skipped when a phase failed, since then not all desired is known.
 */
async function prune({ stemhub, desired, failed }: Scope, { api, cache }: Deps): Promise<void> {
  if (failed) return;
  const { name, namespace, uid } = stemhub.metadata;
  const kept = new Set([...desired.map((object) => `${object.kind}/${object.metadata.name}`)]);
  const store = new Set(patroniStoreNames(name));
  for (const kind of prunedKinds) {
    for (const object of cache.list(kind, namespace, { [stemhubLabel]: name })) {
      const ours = object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller) ?? false;
      if (!ours || object.metadata.deletionTimestamp || store.has(object.metadata.name)) continue;
      if (kept.has(`${kind.kind}/${object.metadata.name}`)) continue;
      await api.delete(kind, namespace, object.metadata.name, { propagationPolicy: "Background" });
    }
  }
}
