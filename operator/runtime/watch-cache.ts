import type { Cache, CacheEvent, CacheOptions, NamespaceState, WatchSpec } from "./cache.ts";
import { ForbiddenError, TransientError } from "./errors.ts";
import { type KindRef, type KubeObject, kindId, type ResourceKind } from "./objects.ts";
import { parseSelector } from "./selector.ts";
import { type Change, Store } from "./store.ts";
import { runWatch } from "./watch.ts";

/** One watched collection. */
interface Entry {
  readonly spec: WatchSpec;
  readonly store: Store;
  /** Set while the last attempt failed. */
  failure?: unknown;
}

/** The watches that start and end together: one namespace's, or (under "") the cluster-wide ones. */
interface Group {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly end: AbortController;
  state: NamespaceState;
}

const clusterWide = "";

/** A cache that watches nothing yet. Throws when a kind is to be watched twice. */
export function createCache(options: CacheOptions): Cache {
  return new WatchCache(options);
}

/** Cache, by one list and watch for each kind and namespace. What is promised stands at the interface. */
class WatchCache implements Cache {
  readonly #options: CacheOptions;
  readonly #groups = new Map<string, Group>();
  readonly #eventListeners = new Set<(event: CacheEvent) => void>();
  readonly #namespaceListeners = new Set<(ns: string) => void>();
  readonly #clusterWideKinds: ReadonlySet<string>;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#clusterWideKinds = new Set(options.clusterWide.map((spec) => kindId(spec.kind)));
    const ids = [...options.clusterWide, ...options.perNamespace].map((spec) => kindId(spec.kind));
    const twice = ids.find((id, index) => ids.indexOf(id) !== index);
    if (twice) throw new Error(`${twice} is watched twice: readers could not tell which copy is meant`);
  }

  start(): void {
    this.#startGroup(clusterWide, this.#options.clusterWide);
  }

  ready(): Promise<void> {
    return this.#groupReady(clusterWide);
  }

  namespace(ns: string): void {
    if (ns === clusterWide) throw new Error("a namespace has a name");
    this.#startGroup(ns, this.#options.perNamespace);
  }

  release(ns: string): void {
    const group = this.#groups.get(ns);
    if (!group) return;
    this.#options.log.info({ namespace: ns }, "ending the watches of a namespace");
    this.#groups.delete(ns);
    group.end.abort(new Error(`namespace ${ns} was released`));
  }

  stateOf(ns: string): NamespaceState {
    return this.#groups.get(ns)?.state ?? { name: "unwatched" };
  }

  namespaceReady(ns: string, timeoutMs = 10_000): Promise<void> {
    this.namespace(ns);
    return this.#groupReady(ns, timeoutMs);
  }

  get(kind: KindRef, ns: string | undefined, name: string): KubeObject | undefined {
    return this.#entry(kind, ns).store.get(ns ?? "", name);
  }

  list(kind: KindRef, ns: string | undefined, labels: Readonly<Record<string, string>> = {}): KubeObject[] {
    const wanted = Object.entries(labels);
    const found: KubeObject[] = [];
    const entries =
      ns === undefined && !this.#clusterWideKinds.has(kindId(kind))
        ? [...this.#groups.values()].flatMap((group) => group.entries.get(kindId(kind)) ?? [])
        : [this.#entry(kind, ns)];
    for (const entry of entries) {
      for (const object of entry.store.values()) {
        if (ns !== undefined && object.metadata.namespace !== ns) continue;
        if (wanted.every(([name, value]) => object.metadata.labels?.[name] === value)) found.push(object);
      }
    }
    return found.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  observe(object: KubeObject): void {
    const id = kindId(object);
    const group = this.#groups.get(this.#clusterWideKinds.has(id) ? clusterWide : (object.metadata.namespace ?? ""));
    const entry = group?.entries.get(id);
    if (!entry || entry.spec.fieldSelector) return;
    if (!parseSelector(entry.spec.labelSelector)?.(object.metadata.labels ?? {})) return;
    this.#prune(object);
    this.#tell(entry.spec.kind, entry.store.observe(object));
  }

  onEvent(listener: (event: CacheEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onNamespace(listener: (ns: string) => void): () => void {
    this.#namespaceListeners.add(listener);
    return () => this.#namespaceListeners.delete(listener);
  }

  #entry(kind: KindRef, ns: string | undefined): Entry {
    const id = kindId(kind);
    const entry = this.#groups.get(this.#clusterWideKinds.has(id) ? clusterWide : (ns ?? ""))?.entries.get(id);
    if (!entry) throw new Error(`${id} is not watched in namespace ${ns ?? "(all)"}`);
    return entry;
  }

  #startGroup(ns: string, specs: readonly WatchSpec[]): void {
    if (this.#groups.has(ns) || this.#options.signal.aborted) return;
    const entries = new Map(specs.map((spec) => [kindId(spec.kind), { spec, store: new Store() } satisfies Entry]));
    const group: Group = { entries, end: new AbortController(), state: { name: "syncing" } };
    this.#groups.set(ns, group);
    if (entries.size === 0) group.state = { name: "ready" };
    for (const entry of entries.values()) void this.#run(ns, group, entry);
  }

  async #run(ns: string, group: Group, entry: Entry): Promise<void> {
    const { api, clock, log, metrics, signal, timing } = this.#options;
    const { kind } = entry.spec;
    const about = { kind: kind.kind, namespace: ns };
    const deps = { api, clock, signal: AbortSignal.any([signal, group.end.signal]), ...(timing ? { timing } : {}) };
    await runWatch(
      deps,
      { ...entry.spec, namespace: ns === clusterWide ? entry.spec.namespace : ns },
      {
        onList: (items, resourceVersion) => {
          metrics?.relisted(kind.kind);
          for (const item of items) this.#prune(item);
          const changes = entry.store.replace(items, resourceVersion);
          delete entry.failure;
          for (const change of changes) this.#tell(kind, change);
          this.#judge(ns, group);
        },
        onEvent: (event) => {
          this.#prune(event.object);
          this.#tell(kind, entry.store.take(event));
        },
        onFailure: (error, delayMs) => {
          log.warn(
            { ...about, reason: messageOf(error), delayMs: Math.round(delayMs) },
            "a watch failed and is tried again",
          );
          entry.failure = error;
          this.#judge(ns, group);
        },
        onRecovery: () => {
          delete entry.failure;
          this.#judge(ns, group);
        },
      },
    );
  }

  #tell(kind: ResourceKind, change: Change | undefined): void {
    if (!change) return;
    for (const listener of this.#eventListeners) listener({ ...change, kind });
  }

  /** Recomputes a group's state, and tells when it became one that somebody waits for. */
  #judge(ns: string, group: Group): void {
    const before = group.state.name;
    group.state = stateOfGroup(group);
    const after = group.state.name;
    if (before === after && after !== "syncing") return;
    if (this.#groups.get(ns) !== group) return;
    if (after === "ready" || after === "forbidden") for (const listener of this.#namespaceListeners) listener(ns);
  }

  #groupReady(ns: string, timeoutMs?: number): Promise<void> {
    const { clock, signal } = this.#options;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        stopListening();
        timer?.clear();
        signal.removeEventListener("abort", onAbort);
        act();
      };
      const look = (changed: string) => {
        if (changed !== ns) return;
        const state = this.stateOf(ns);
        if (state.name === "ready") settle(resolve);
        if (state.name === "forbidden") settle(() => reject(state.error));
      };
      const onTimeout = () => {
        const state = this.stateOf(ns);
        const reason = state.name === "syncing" && state.reason ? `: ${state.reason}` : "";
        settle(() => reject(new TransientError(`the watches of ${ns || "the cluster"} are not synced${reason}`)));
      };
      const onAbort = () => settle(() => reject(signal.reason));
      const stopListening = this.onNamespace(look);
      const timer = timeoutMs === undefined ? undefined : clock.setTimer(timeoutMs, onTimeout);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      look(ns);
    });
  }

  /** managedFields are often half of an object, and only our own entry tells us anything. */
  #prune(object: KubeObject): void {
    const { managedFields, ...metadata } = object.metadata;
    const ours = managedFields?.filter((entry) => entry.manager === this.#options.fieldManager);
    object.metadata = ours && ours.length > 0 ? { ...metadata, managedFields: ours } : metadata;
  }
}

function stateOfGroup(group: Group): NamespaceState {
  let syncing: NamespaceState | undefined;
  for (const { store, failure } of group.entries.values()) {
    if (failure instanceof ForbiddenError) return { name: "forbidden", error: failure };
    if (store.resourceVersion !== undefined) continue;
    syncing ??= { name: "syncing", ...(failure === undefined ? {} : { reason: messageOf(failure) }) };
  }
  return syncing ?? { name: "ready" };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
