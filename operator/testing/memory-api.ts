import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  KubeApi,
  Leash,
  ListPage,
  Selectors,
  WatchEvent,
  WatchOptions,
} from "../runtime/api.ts";
import { apiError } from "../runtime/errors.ts";
import { type KindRef, type KubeObject, kindId } from "../runtime/objects.ts";

/** One call that reached the server, for tests that count them. */
export interface MemoryCall {
  readonly verb: "get" | "list" | "create" | "replace" | "apply" | "patch" | "delete" | "watch";
  readonly kind: string;
  readonly name: string;
}

/**
 * An API server in memory, for unit tests on a fake clock: its calls take no time and it opens no sockets.
 *
 * Where it lies: apply merges objects deeply, replaces lists and removes nothing; it keeps one managedFields entry
 * without fields; there is no validation, defaulting, admission or RBAC; a watch never ends and never expires.
 * Whatever depends on those is tested on the real one (`*.apiserver.test.ts`).
 */
export class MemoryApiServer {
  readonly objects = new Map<string, KubeObject>();
  readonly calls: MemoryCall[] = [];
  /** Thrown instead of answering, when it returns an error. */
  fail: (call: MemoryCall) => Error | undefined = () => undefined;
  /** What a call waits for before it is worked on. */
  delay: (call: MemoryCall) => Promise<void> | undefined = () => undefined;
  readonly #history: WatchEvent[] = [];
  readonly #wake = new Set<() => void>();
  #version = 100;

  /** A client of this server. */
  client(leashes: readonly Leash[] = []): KubeApi {
    const call = async <T>(
      verb: MemoryCall["verb"],
      kind: KindRef,
      name: string,
      work: () => T,
      options?: CallOptions,
    ) => {
      for (const leash of leashes) {
        leash.signal.throwIfAborted();
        leash.check?.();
      }
      options?.signal?.throwIfAborted();
      const made = { verb, kind: kind.kind, name };
      this.calls.push(made);
      await this.delay(made);
      for (const signal of [...leashes.map((leash) => leash.signal), options?.signal]) signal?.throwIfAborted();
      const error = this.fail(made);
      if (error) throw error;
      return structuredClone(work());
    };
    return {
      get: (kind, ns, name, options) => call("get", kind, name, () => this.objects.get(idOf(kind, ns, name)), options),
      list: (kind, ns, options) => call("list", kind, "", () => this.#list(kind, ns, options), options),
      listPage: (kind, ns, options) =>
        call(
          "list",
          kind,
          "",
          (): ListPage => ({ items: this.#list(kind, ns, options), resourceVersion: String(this.#version) }),
          options,
        ),
      watch: (kind, ns, options) => call("watch", kind, "", () => undefined).then(() => this.#watch(kind, ns, options)),
      create: (object, options) => call("create", object, object.metadata.name, () => this.#create(object), options),
      replace: (object, options) => call("replace", object, object.metadata.name, () => this.#replace(object), options),
      apply: (object, options) =>
        call("apply", object, object.metadata.name, () => this.#apply(object, options), options),
      patch: (kind, ns, name, body, options) =>
        call("patch", kind, name, () => this.#put(merge(this.#existing(kind, ns, name), body) as KubeObject), options),
      delete: (kind, ns, name, options) =>
        call("delete", kind, name, () => this.#delete(kind, ns, name, options), options),
      logs: () => Promise.resolve(""),
      bound: (leash) => this.client([...leashes, leash]),
    };
  }

  #list(kind: KindRef, ns: string | undefined, options: Selectors = {}): KubeObject[] {
    const wanted = (options.labelSelector ?? "")
      .split(",")
      .filter(Boolean)
      .map((part) => part.split("="));
    return [...this.objects.values()].filter(
      (object) =>
        kindId(object) === kindId(kind) &&
        (ns === undefined || object.metadata.namespace === ns) &&
        wanted.every(([name = "", value]) => object.metadata.labels?.[name] === value),
    );
  }

  async *#watch(kind: KindRef, ns: string | undefined, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const { signal } = options;
    const [label = "", value] = (options.labelSelector ?? "").split("=");
    let next = this.#history.findIndex(({ object }) => versionOf(object) > Number(options.resourceVersion));
    if (next < 0) next = this.#history.length;
    while (!signal?.aborted) {
      for (let event = this.#history[next]; event; event = this.#history[next]) {
        next += 1;
        const { metadata } = event.object;
        const here = kindId(event.object) === kindId(kind) && (ns === undefined || metadata.namespace === ns);
        if (here && (!label || metadata.labels?.[label] === value)) yield structuredClone(event);
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wake.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        this.#wake.add(wake);
        signal?.addEventListener("abort", wake);
      });
    }
  }

  #record(event: WatchEvent): void {
    this.#history.push(structuredClone(event));
    for (const wake of [...this.#wake]) wake();
  }

  #existing(kind: KindRef, ns: string | undefined, name: string): KubeObject {
    const found = this.objects.get(idOf(kind, ns, name));
    if (!found) throw apiError({ status: 404, reason: "NotFound", message: `${kind.kind} ${name} not found` });
    return found;
  }

  #create(object: KubeObject): KubeObject {
    if (this.objects.has(idOf(object, object.metadata.namespace, object.metadata.name))) {
      throw apiError({ status: 409, reason: "AlreadyExists", message: `${object.metadata.name} exists` });
    }
    return this.#put(object);
  }

  #replace(object: KubeObject): KubeObject {
    const found = this.#existing(object, object.metadata.namespace, object.metadata.name);
    const { resourceVersion } = object.metadata;
    if (resourceVersion && resourceVersion !== found.metadata.resourceVersion) {
      throw apiError({ status: 409, reason: "Conflict", message: "the object has been modified" });
    }
    return this.#put(object);
  }

  #apply(object: KubeObject, options: ApplyOptions = {}): KubeObject {
    const id = idOf(object, object.metadata.namespace, object.metadata.name);
    const found = options.subresource
      ? this.#existing(object, object.metadata.namespace, object.metadata.name)
      : this.objects.get(id);
    const base = found ?? { metadata: {} };
    return this.#put(
      options.subresource ? { ...(base as KubeObject), status: object.status } : (merge(base, object) as KubeObject),
    );
  }

  #put(object: KubeObject): KubeObject {
    const id = idOf(object, object.metadata.namespace, object.metadata.name);
    const old = this.objects.get(id);
    const { resourceVersion: _new, ...metadata } = object.metadata;
    const { resourceVersion: _old, ...oldMetadata } = old?.metadata ?? { name: "" };
    const body = { ...object, metadata: { ...metadata, uid: old?.metadata.uid ?? `uid-${this.#version}` } };
    if (old && JSON.stringify({ ...body }) === JSON.stringify({ ...old, metadata: oldMetadata })) return old;
    this.#version += 1;
    const stored = structuredClone({ ...body, metadata: { ...body.metadata, resourceVersion: String(this.#version) } });
    this.objects.set(id, stored);
    this.#record({ type: old ? "MODIFIED" : "ADDED", object: stored });
    return stored;
  }

  #delete(kind: KindRef, ns: string | undefined, name: string, options: DeleteOptions = {}): void {
    const id = idOf(kind, ns, name);
    const found = this.objects.get(id);
    if (!found) return;
    if (options.uid && options.uid !== found.metadata.uid) {
      throw apiError({ status: 409, reason: "Conflict", message: "the uid in the precondition is another one" });
    }
    this.objects.delete(id);
    this.#version += 1;
    const last = { ...found, metadata: { ...found.metadata, resourceVersion: String(this.#version) } };
    this.#record({ type: "DELETED", object: last });
  }
}

function idOf(kind: KindRef, ns: string | undefined, name: string): string {
  return `${kindId(kind)} ${ns ?? ""}/${name}`;
}

function versionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion);
}

function merge(base: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof base === "object" && !Array.isArray(base) ? base : {}) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}
