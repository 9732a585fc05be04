import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { modeKeys } from "../../../operator/api/mode-document.ts";
import type { KubeApi } from "../../../operator/runtime/api.ts";
import type { Clock } from "../../../operator/runtime/clock.ts";
import type { Log } from "../../../operator/runtime/log.ts";
import type { KubeObject, ResourceKind } from "../../../operator/runtime/objects.ts";
import { runWatch, type WatchTiming } from "../../../operator/runtime/watch.ts";
import type { Latest } from "./latest.ts";

const configMaps: ResourceKind = { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" };

export interface SourceDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For tests: how patient the watch is. */
  readonly timing?: Partial<WatchTiming>;
}

/**
 * What kubelet has mounted of the ConfigMap: a pod that begins while the API server is away knows the mode by it. It may
 * be a minute old, and need not be there.
 */
export async function readCopy(directory: string, latest: Latest): Promise<void> {
  const data: Record<string, string> = {};
  for (const key of Object.values(modeKeys)) {
    try {
      data[key] = await readFile(join(directory, key), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  latest.offer(data, "mounted copy");
}

/** Follows the one ConfigMap until the signal. That it is deleted changes nothing: the last mode stands. */
export function watchMode(deps: SourceDeps, where: { namespace: string; name: string }, latest: Latest): Promise<void> {
  const { log } = deps;
  const take = (object: KubeObject) => latest.offer((object.data ?? {}) as Record<string, string>, "API server");
  const target = { kind: configMaps, namespace: where.namespace, fieldSelector: `metadata.name=${where.name}` };
  return runWatch(deps, target, {
    onList: (items) => {
      for (const item of items) take(item);
      if (items.length === 0) log.warn({ configMap: where.name }, "there is no mode yet");
    },
    onEvent: ({ type, object }) => {
      if (type === "ADDED" || type === "MODIFIED") take(object);
    },
    onFailure: (error, delayMs) =>
      log.warn(
        { reason: String(error), delayMs: Math.round(delayMs) },
        "the watch of the mode failed and is tried again",
      ),
    onRecovery: () => log.info({ configMap: where.name }, "the mode is watched again"),
  });
}
