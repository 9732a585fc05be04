import type { ApplyOptions, KubeApi } from "./api.ts";
import type { CacheReader } from "./cache.ts";
import type { KubeObject } from "./objects.ts";

export interface ApplyDeps {
  readonly api: KubeApi;
  readonly cache: CacheReader & { observe(object: KubeObject): void };
  readonly fieldManager: string;
  /** The annotation that holds the hash of what was applied, e.g. `stemhub.dev/applied`. */
  readonly hashAnnotation: string;
}

export interface Applied {
  /** The object as the API server has it. */
  readonly object: KubeObject;
  /** Whether a request was sent; `why` says what differed (`absent`, `desired changed`, or the path that drifted). */
  readonly written: boolean;
  readonly why?: string;
}

/** Server-side apply, skipped when it would change nothing. The kind must be in the cache. */
export function applyIfChanged(_deps: ApplyDeps, _desired: KubeObject, _options?: ApplyOptions): Promise<Applied> {
  throw new Error("not built yet");
}

/** Writes `status` (server-side apply of the subresource) when it differs from the live one. `object` names the owner. */
export function applyStatusIfChanged(_deps: ApplyDeps, _live: KubeObject, _status: object): Promise<Applied> {
  throw new Error("not built yet");
}
