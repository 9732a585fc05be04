import { kinds, prunedKinds } from "./kinds.ts";
import { stemhubLabel } from "./metadata.ts";
import { patroniStoreNames } from "./names.ts";
import { servingChanges, servingPatch } from "./nodes/serving.ts";
import { applyComponents, applyGateway, migrate } from "./phases/app.ts";
import { lookAtAuth } from "./phases/auth.ts";
import { applyBackup } from "./phases/backup.ts";
import { applyDatabase, askDatabase, growVolumes } from "./phases/database.ts";
import { leaveCordonedNode, rebuildMembers, restartMembers, switchOver } from "./phases/members.ts";
import { decideMode } from "./phases/modes.ts";
import { applyQueue, lookAtQueue } from "./phases/queue.ts";
import { createSecrets, renewCertificates, rotatePassword } from "./phases/secrets.ts";
import type { Deps, Scope } from "./scope.ts";

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
  { name: "queued", run: lookAtQueue },
  // As early as it can: users wait for the truth, and what follows may take its time.
  { name: "modes", run: decideMode },
  { name: "auth", run: lookAtAuth },
  { name: "backup", run: applyBackup },
  { name: "database", run: applyDatabase },
  { name: "growth", run: growVolumes },
  { name: "restart", run: restartMembers },
  { name: "rebuild", run: rebuildMembers },
  { name: "drain", run: leaveCordonedNode },
  { name: "switchover", run: switchOver },
  { name: "rotation", run: rotatePassword },
  { name: "queue", run: applyQueue },
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
