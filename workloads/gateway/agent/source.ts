import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { modeKeys } from "../../../operator/api/mode-document.ts";
import type { KubeApi } from "../../../operator/runtime/api.ts";
import type { Clock } from "../../../operator/runtime/clock.ts";
import { kinds } from "../../../operator/runtime/kinds.ts";
import type { Log } from "../../../operator/runtime/log.ts";
import type { WatchTiming } from "../../../operator/runtime/watch.ts";
import { watchObject } from "../../../operator/runtime/watch-object.ts";
import type { Latest } from "./latest.ts";

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

/** Follows the one ConfigMap until the signal. */
export function watchMode(deps: SourceDeps, where: { namespace: string; name: string }, latest: Latest): Promise<void> {
  return watchObject(deps, { kind: kinds.configMaps, ...where }, (object) =>
    latest.offer((object.data ?? {}) as Record<string, string>, "API server"),
  );
}
