import type { KubeObject, ResourceKind } from "./objects.ts";

/** Bounds of one call. */
export interface CallOptions {
  /** From the call to the last byte of the answer, in ms. Default 10 000 (`logs` and `listPage`: 30 000). */
  readonly timeoutMs?: number;
  /** Ends the call; once aborted, no request is begun. In addition to the signal that `bound` gave. */
  readonly signal?: AbortSignal;
}

export interface Selectors {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ApplyOptions extends CallOptions {
  /** Whose fields these are. Default: the manager given to `connect`. */
  readonly fieldManager?: string;
  /** Take fields that another manager owns. Default true: an operator that meets a conflict has nobody to ask. */
  readonly force?: boolean;
  readonly subresource?: "status";
}

export interface PatchOptions extends CallOptions {
  readonly type: "merge" | "json";
  readonly subresource?: string;
}

export interface DeleteOptions extends CallOptions {
  /** Delete only this incarnation; with another one there the call throws ConflictError. */
  readonly uid?: string;
  /** Of a pod: how long it has to end by itself. Default: what its spec says. */
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
}

/** One page of a list; `continue` leads to the next one and is absent on the last. */
export interface ListPage {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
}

/** What a watch says. BOOKMARK carries nothing but a newer resource version. ERROR is thrown, not delivered. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

/** `timeoutMs` (default 10 000) is until the server accepts the watch. */
export interface WatchOptions extends Selectors, CallOptions {
  /** The version after which to begin. */
  readonly resourceVersion: string;
  /** The server ends the watch after that long. Resuming is cheap, so an end is no failure. */
  readonly timeoutSeconds: number;
  /** The connection counts as dead when nothing (not even a bookmark) was read for that long. */
  readonly idleMs: number;
}

/** What a bound client asks before each request. `check` throws when no more request may start. */
export interface Leash {
  readonly signal: AbortSignal;
  readonly check?: () => void;
}

/**
 * The API server, in raw JSON.
 *
 * Guarantees: every call ends by its deadline, with a result or an error, and leaves no socket in an unknown state (a
 * connection that timed out is never used again). No request starts once a signal in force is aborted.
 *
 * Errors: ApiError and its subclasses for what the server refused (429 carries retryAfterMs), TransientError for what
 * the network did. The client itself never waits and never retries, but for one case: a kept-alive connection that the
 * server closed while idle, on a request that may be repeated.
 */
export interface KubeApi {
  /** 404 is undefined. */
  get(kind: ResourceKind, ns: string | undefined, name: string, options?: CallOptions): Promise<KubeObject | undefined>;
  /** All pages. Items carry apiVersion and kind, which the server leaves out of lists. */
  list(kind: ResourceKind, ns: string | undefined, options?: Selectors & CallOptions): Promise<KubeObject[]>;
  listPage(
    kind: ResourceKind,
    ns: string | undefined,
    options: Selectors & CallOptions & { limit: number; continue?: string },
  ): Promise<ListPage>;
  /**
   * Resolves when the server has accepted the watch. The events end when the server ends them. Throws ExpiredError, at
   * once or among the events, when `resourceVersion` is too old. Whoever stops reading early closes the connection.
   */
  watch(kind: ResourceKind, ns: string | undefined, options: WatchOptions): Promise<AsyncIterable<WatchEvent>>;
  /** Throws ConflictError (reason AlreadyExists) when it exists. */
  create(object: KubeObject, options?: CallOptions): Promise<KubeObject>;
  /** PUT: refused with ConflictError when metadata.resourceVersion is set and is not the newest. */
  replace(object: KubeObject, options?: CallOptions): Promise<KubeObject>;
  /** Server-side apply; the object need not exist (for a subresource it must). */
  apply(object: KubeObject, options?: ApplyOptions): Promise<KubeObject>;
  patch(
    kind: ResourceKind,
    ns: string | undefined,
    name: string,
    body: unknown,
    options: PatchOptions,
  ): Promise<KubeObject>;
  /** 404 is success. */
  delete(kind: ResourceKind, ns: string | undefined, name: string, options?: DeleteOptions): Promise<void>;
  /** The last lines of a container's log, as text. */
  logs(
    ns: string,
    pod: string,
    options: CallOptions & { container?: string; tailLines: number; previous?: boolean },
  ): Promise<string>;
  /** The same client on a leash: no request starts once it is cut, and those under way are ended. Leashes add up. */
  bound(leash: Leash): KubeApi;
}
