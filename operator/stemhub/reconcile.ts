import { stemhubKind } from "../api/kinds.ts";
import { parseStemHub, type StemHub } from "../api/stemhub.ts";
import { applyStatusIfChanged } from "../runtime/apply.ts";
import type { ReconcileResult } from "../runtime/controller.ts";
import { ConflictError, ForbiddenError, LeaseLostError, NamespaceEndingError } from "../runtime/errors.ts";
import { formatKey, type Key, type KubeObject } from "../runtime/objects.ts";
import { decideDeletion, deleteDataFinalizer, finalizerChange } from "./deletion.ts";
import { modesStatus } from "./modes/published.ts";
import { observe } from "./observe.ts";
import { phases } from "./phases.ts";
import type { Failure } from "./readiness.ts";
import { applyDeps, createScope, type Deps, type Scope } from "./scope.ts";
import { StalledError } from "./stalled.ts";
import { announcedStatus, computeStatus, statusEvents } from "./status.ts";

/** How soon a deletion looks again whether pods have ended, should an event be lost. */
const deletionPollMs = 5_000;
/** How soon a namespace that ends is looked at again: as a rule its StemHub has gone by then. */
const endingPollMs = 30_000;
/** How soon a namespace without rights is looked at again: an admin is at work on it, perhaps. */
const forbiddenPollMs = 15_000;

/**
 * Brings one StemHub to what its spec says.
 *
 * Guarantees: safe to repeat at any moment; phases fail apart (a broken gateway never stops the database); the status is
 * written in any case, and only where it changed. Nothing is written for a StemHub that is already as it should be.
 */
export async function reconcileStemHub(key: Key, deps: Deps): Promise<ReconcileResult> {
  const { cache, settings } = deps;
  const raw = cache.get(stemhubKind, key.namespace, key.name);
  const watched = settings.watchNamespaces.length === 0 || settings.watchNamespaces.includes(key.namespace);
  if (!raw || !watched) {
    askNobody(key, deps);
    releaseNamespace(key, deps);
    return {};
  }
  const stemhub = parseStemHub(raw);

  const bound = await bindNamespace(stemhub, deps);
  if (bound) return bound;
  if (stemhub.metadata.deletionTimestamp) {
    askNobody(key, deps);
    return await deleteStemHub(stemhub, deps);
  }
  await keepFinalizer(stemhub, deps);
  await announce(stemhub, raw, deps);
  return await runPhases(stemhub, raw, deps);
}

/** Of a StemHub that is gone, or on its way. */
function askNobody(key: Key, { auth, backups, databases, modes, queues }: Deps): void {
  auth.aim(key, undefined);
  backups.metrics.forget(key);
  queues.aim(key, undefined);
  databases.forget(key);
  modes.watch.forget(key);
  modes.lifts.forget(key);
  modes.metrics.forget(key);
}

/** The watches of a namespace end with its last StemHub. */
function releaseNamespace({ namespace }: Key, { cache }: Deps): void {
  if (cache.list(stemhubKind, namespace).length === 0) cache.release(namespace);
}

/** Watches the StemHub's namespace; where rights are missing, says so with the command that grants them. */
async function bindNamespace(stemhub: StemHub, deps: Deps): Promise<ReconcileResult | undefined> {
  const namespace = stemhub.metadata.namespace ?? "";
  try {
    await deps.cache.namespaceReady(namespace);
    return undefined;
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    const failure: Failure = {
      kind: "stalled",
      reason: "NamespaceNotBound",
      message:
        `The operator has no rights in namespace ${namespace}. Grant them: kubectl -n ${namespace} create rolebinding stemhub-operator ` +
        `--clusterrole=${deps.settings.rights.clusterRole} --serviceaccount=${deps.settings.rights.serviceAccount}`,
    };
    const status = computeStatus({ stemhub, world: undefined, release: {}, failure, now: deps.clock.now() });
    await applyStatusIfChanged(applyDeps(deps), stemhub, status);
    return { requeueAfterMs: forbiddenPollMs };
  }
}

/** The first write of a new generation: from here on nobody can read a stale Ready. */
async function announce(stemhub: StemHub, raw: KubeObject, deps: Deps): Promise<void> {
  const status = announcedStatus(stemhub, deps.clock.now());
  if (status) await applyStatusIfChanged(applyDeps(deps), raw, status);
}

async function runPhases(stemhub: StemHub, raw: KubeObject, deps: Deps): Promise<ReconcileResult> {
  const scope = createScope(stemhub, deps);
  const failures: { phase: string; error: unknown }[] = [];
  for (const phase of phases) {
    try {
      await phase.run(scope, deps);
    } catch (error) {
      // Leadership is gone: whatever is written from now on could fight the new leader.
      if (deps.signal.aborted || error instanceof LeaseLostError) throw error;
      if (error instanceof NamespaceEndingError) return letNamespaceEnd(stemhub, deps);
      deps.log.warn(
        { key: formatKey(stemhub.metadata as Key), phase: phase.name, reason: String(error) },
        "phase failed",
      );
      failures.push({ phase: phase.name, error });
      scope.failed = true;
      if (phase.required) break;
    }
  }
  await writeStatus(scope, raw, failureOf(failures), deps);
  const [first] = failures;
  // A person's trouble is not retried in a hurry; all else backs off by the queue's law.
  if (first && !(first.error instanceof StalledError)) throw first.error;
  return scope.requeueAfterMs === undefined ? {} : { requeueAfterMs: scope.requeueAfterMs };
}

/** No status and no event either: nobody is left to read them, and each would hold up the end a little. */
function letNamespaceEnd({ metadata }: StemHub, { log }: Deps): ReconcileResult {
  log.info({ key: formatKey(metadata as Key) }, "its namespace is being deleted");
  return { requeueAfterMs: endingPollMs };
}

/** Computed from a fresh look, so that the status tells what this pass made as well as what it found. */
async function writeStatus(scope: Scope, raw: KubeObject, failure: Failure | undefined, deps: Deps): Promise<void> {
  const { stemhub, release, switchover, rotation, rebuilds, findings, warnings, archive, mode, queue, authWarnings } =
    scope;
  const world = observe(deps.cache, stemhub);
  const modes = mode ? modesStatus(mode) : stemhub.status?.modes;
  const found = { release, switchover, rotation, rebuilds, findings, warnings, archive, modes, queue, authWarnings };
  const status = computeStatus({ stemhub, world, ...found, failure, now: deps.clock.now() });
  const live = deps.cache.get(stemhubKind, stemhub.metadata.namespace, stemhub.metadata.name) ?? raw;
  for (const event of statusEvents(stemhub, status)) deps.recorder.event(raw, event);
  await applyStatusIfChanged(applyDeps(deps), live, status);
}

async function keepFinalizer(stemhub: StemHub, deps: Deps): Promise<void> {
  const change = finalizerChange(stemhub);
  if (!change) return;
  const others = (stemhub.metadata.finalizers ?? []).filter((finalizer) => finalizer !== deleteDataFinalizer);
  await patchFinalizers(stemhub, change === "add" ? [...others, deleteDataFinalizer] : others, deps);
}

async function deleteStemHub(stemhub: StemHub, deps: Deps): Promise<ReconcileResult> {
  if (!stemhub.metadata.finalizers?.includes(deleteDataFinalizer)) return {};
  const decision = decideDeletion(stemhub, observe(deps.cache, stemhub));
  deps.log.info({ key: formatKey(stemhub.metadata as Key), reason: decision.step }, "deleting with data");
  switch (decision.step) {
    case "stopDatabase":
    case "removeData":
      for (const { kind, name } of decision.removals) await deps.api.delete(kind, stemhub.metadata.namespace, name);
      return { requeueAfterMs: deletionPollMs };
    case "waitForPods":
      return { requeueAfterMs: deletionPollMs };
    case "done":
      await patchFinalizers(
        stemhub,
        stemhub.metadata.finalizers.filter((f) => f !== deleteDataFinalizer),
        deps,
      );
      return {};
  }
}

/** Refused when anybody changed the object meanwhile: another controller's finalizer must not be lost. */
async function patchFinalizers(stemhub: StemHub, finalizers: readonly string[], deps: Deps): Promise<void> {
  const { namespace, name, resourceVersion } = stemhub.metadata;
  const body = { metadata: { finalizers, resourceVersion } };
  deps.cache.observe(await deps.api.patch(stemhubKind, namespace, name, body, { type: "merge" }));
}

function failureOf(failures: readonly { phase: string; error: unknown }[]): Failure | undefined {
  const stalled = failures.find(({ error }) => error instanceof StalledError)?.error;
  if (stalled instanceof StalledError) return { kind: "stalled", reason: stalled.reason, message: stalled.message };
  const [first] = failures;
  // A conflict is settled by reading again at once: nothing to tell anybody.
  if (!first || first.error instanceof ConflictError) return undefined;
  return {
    kind: "retrying",
    reason: "Retrying",
    message: `${first.phase}: ${String(first.error)}. It is tried again by itself.`,
  };
}
