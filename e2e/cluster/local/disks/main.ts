import { join } from "node:path";
import { pino } from "pino";
import { systemClock } from "../../../../operator/runtime/clock.ts";
import { connect } from "../../../../operator/runtime/connect.ts";
import { type ReconcileDeps, type ReconcileResult, runController } from "../../../../operator/runtime/controller.ts";
import { createRecorder, type Recorder } from "../../../../operator/runtime/events.ts";
import { createMetrics } from "../../../../operator/runtime/metrics.ts";
import type { Key } from "../../../../operator/runtime/objects.ts";
import { createCache } from "../../../../operator/runtime/watch-cache.ts";
import {
  capacityOf,
  claimChanged,
  claimKind,
  claimsOf,
  type DiskStep,
  decideDisks,
  provisioner,
  volumeKind,
  volumeOf,
} from "./decide.ts";
import { type DiskFolder, growDisk, makeDisk, mountPath, removeDisk } from "./disk.ts";

/*
 * Serves the StorageClass local-disk: a process of the host beside local-path-provisioner. It needs no helper pods, since
 * nodes share the host's mounts: what it mounts, every kubelet sees.
 *
 * main.ts KUBECONFIG NODES: the folder of a node's disks is NODES/NODE/disks.
 */
async function main(kubeconfig: string, nodes: string): Promise<void> {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const metrics = createMetrics();
  const clock = systemClock;
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort());
  const { signal } = stop;

  const api = await connect({ kubeconfig, fieldManager: "local-disk", kinds: [volumeKind] });
  const recorder = createRecorder({ api, clock, log, reportingController: provisioner });
  const clusterWide = [{ kind: claimKind }, { kind: volumeKind }];
  const cache = createCache({ api, clock, log, signal, clusterWide, perNamespace: [], fieldManager: "local-disk" });
  cache.start();
  await cache.ready();
  const folder: DiskFolder = (node) => join(nodes, node, "disks");
  await runController({
    name: "local-disk",
    api,
    cache,
    primary: { kind: claimKind, changed: claimChanged },
    owned: [{ kind: volumeKind, ownersOf: claimsOf }],
    ownerOf: () => undefined,
    reconcile: (key, deps) => reconcileClaim(key, deps, folder, recorder),
    clock,
    log,
    signal,
    metrics,
  });
  await recorder.flush();
}

/** Brings the disks of one claim to what it asks for. Errors are told in an event, and tried again. */
async function reconcileClaim(
  key: Key,
  deps: ReconcileDeps,
  folder: DiskFolder,
  recorder: Recorder,
): Promise<ReconcileResult> {
  const { cache } = deps;
  const claim = cache.get(claimKind, key.namespace, key.name);
  const volumes = cache.list(volumeKind, undefined).filter((volume) => {
    return claimsOf(volume).some(({ namespace, name }) => namespace === key.namespace && name === key.name);
  });
  for (const step of decideDisks(claim, volumes)) {
    try {
      await carryOut(step, deps, folder);
    } catch (error) {
      const note = error instanceof Error ? error.message : String(error);
      if (claim) recorder.event(claim, { type: "Warning", reason: "DiskFailed", note: `${step.step}: ${note}` });
      throw error;
    }
  }
  return {};
}

async function carryOut(step: DiskStep, { api, cache, log }: ReconcileDeps, folder: DiskFolder): Promise<void> {
  const { disk } = step;
  if (step.step !== "keep") log.info({ ...disk, reason: step.step }, "a disk");
  switch (step.step) {
    case "keep":
      return makeDisk(folder, disk);
    case "make":
      await makeDisk(folder, disk);
      cache.observe(await api.create(volumeOf(disk, step.claim, mountPath(folder, disk))));
      return;
    case "grow": {
      await growDisk(folder, disk);
      const { namespace, name } = step.claim.metadata;
      const capacity = capacityOf(step.claim);
      const merge = { type: "merge" } as const;
      cache.observe(await api.patch(volumeKind, undefined, disk.name, { spec: { capacity } }, merge));
      // kubelet has nothing to do for a directory that is mounted: the claim's growth is complete.
      const status = { status: { capacity } };
      cache.observe(await api.patch(claimKind, namespace, name, status, { ...merge, subresource: "status" }));
      return;
    }
    case "remove":
      await removeDisk(folder, disk);
      await api.delete(volumeKind, undefined, disk.name);
  }
}

const [kubeconfig, nodes] = process.argv.slice(2);
if (kubeconfig === undefined || nodes === undefined) throw new Error("usage: main.ts KUBECONFIG NODES");
await main(kubeconfig, nodes);
