import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  KubeApi,
  Leash,
  ListPage,
  PatchOptions,
  Selectors,
  WatchEvent,
  WatchOptions,
} from "./api.ts";
import { ApiError } from "./errors.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "./http.ts";
import type { KindTable } from "./kinds.ts";
import type { Metrics } from "./metrics.ts";
import { type KubeObject, pathOf, type ResourceKind } from "./objects.ts";
import { failure, parse, watchEvents } from "./wire.ts";

const callTimeoutMs = 10_000;
const slowCallTimeoutMs = 30_000;

/** Objects a page: what client-go asks for. 500 Deployments are about 4 MB. */
const listPageSize = 500;

interface Parts {
  readonly http: HttpClient;
  readonly table: KindTable;
  readonly fieldManager: string;
  readonly metrics?: Metrics;
  readonly leashes: readonly Leash[];
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** KubeApi over HTTP. The promises are in api.ts. */
export class ApiClient implements KubeApi {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  bound(leash: Leash): KubeApi {
    return new ApiClient({ ...this.#parts, leashes: [...this.#parts.leashes, leash] });
  }

  async get(kind: ResourceKind, ns: string | undefined, name: string, options: CallOptions = {}) {
    try {
      return await this.#json(this.#request("GET", pathOf(kind, ns, name), options));
    } catch (error) {
      // Only "this object is not there". A kind or a server that is not there must not look like an empty world.
      if (error instanceof ApiError && error.status === 404 && error.reason === "NotFound") return undefined;
      throw error;
    }
  }

  async list(kind: ResourceKind, ns: string | undefined, options: Selectors & CallOptions = {}): Promise<KubeObject[]> {
    const items: KubeObject[] = [];
    let next: string | undefined;
    do {
      const page = await this.listPage(kind, ns, {
        ...options,
        limit: listPageSize,
        ...(next ? { continue: next } : {}),
      });
      items.push(...page.items);
      next = page.continue;
    } while (next);
    return items;
  }

  async listPage(
    kind: ResourceKind,
    ns: string | undefined,
    options: Selectors & CallOptions & { limit: number; continue?: string },
  ): Promise<ListPage> {
    const query = { ...selectors(options), limit: options.limit, continue: options.continue };
    const body = await this.#json(this.#request("GET", pathOf(kind, ns), options, query, slowCallTimeoutMs));
    const items = (body.items ?? []) as KubeObject[];
    for (const item of items) {
      item.apiVersion = kind.apiVersion;
      item.kind = kind.kind;
    }
    const next = (body.metadata as { continue?: string }).continue;
    return { items, resourceVersion: body.metadata.resourceVersion ?? "", ...(next ? { continue: next } : {}) };
  }

  async watch(kind: ResourceKind, ns: string | undefined, options: WatchOptions): Promise<AsyncIterable<WatchEvent>> {
    const query = {
      ...selectors(options),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      timeoutSeconds: options.timeoutSeconds,
    };
    const request = this.#request("GET", pathOf(kind, ns), options, query);
    const { response, chunks } = await this.#counted(request.method, () =>
      this.#parts.http
        .stream(request, options.idleMs)
        .then((opened) => ({ ...opened, status: opened.response.statusCode ?? 0 })),
    );
    if (response.statusCode !== 200) {
      let body = "";
      for await (const chunk of chunks) body += chunk.toString("utf8");
      throw failure({ status: response.statusCode ?? 0, headers: response.headers, body }, request.path);
    }
    return watchEvents(chunks, request.path);
  }

  create(object: KubeObject, options: CallOptions = {}): Promise<KubeObject> {
    const path = pathOf(this.#parts.table.of(object), object.metadata.namespace);
    const query = { fieldManager: this.#parts.fieldManager };
    return this.#json({ ...this.#request("POST", path, options, query), body: JSON.stringify(object) });
  }

  replace(object: KubeObject, options: CallOptions = {}): Promise<KubeObject> {
    const query = { fieldManager: this.#parts.fieldManager };
    return this.#json({ ...this.#request("PUT", this.#path(object), options, query), body: JSON.stringify(object) });
  }

  apply(object: KubeObject, options: ApplyOptions = {}): Promise<KubeObject> {
    const { managedFields: _, ...metadata } = object.metadata;
    const query = { fieldManager: options.fieldManager ?? this.#parts.fieldManager, force: options.force ?? true };
    return this.#json({
      ...this.#request("PATCH", this.#path(object, options.subresource), options, query),
      contentType: "application/apply-patch+yaml", // JSON is YAML
      body: JSON.stringify({ ...object, metadata }),
    });
  }

  patch(kind: ResourceKind, ns: string | undefined, name: string, body: unknown, options: PatchOptions) {
    const query = { fieldManager: this.#parts.fieldManager };
    return this.#json({
      ...this.#request("PATCH", pathOf(kind, ns, name, options.subresource), options, query),
      contentType: options.type === "json" ? "application/json-patch+json" : "application/merge-patch+json",
      body: JSON.stringify(body),
    });
  }

  async delete(kind: ResourceKind, ns: string | undefined, name: string, options: DeleteOptions = {}): Promise<void> {
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      ...(options.uid ? { preconditions: { uid: options.uid } } : {}),
      ...(options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
      ...(options.propagationPolicy ? { propagationPolicy: options.propagationPolicy } : {}),
    };
    try {
      await this.#json({ ...this.#request("DELETE", pathOf(kind, ns, name), options), body: JSON.stringify(body) });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404 && error.reason === "NotFound") return;
      throw error;
    }
  }

  async logs(
    ns: string,
    pod: string,
    options: CallOptions & { container?: string; tailLines: number; previous?: boolean },
  ): Promise<string> {
    const path = `/api/v1/namespaces/${encodeURIComponent(ns)}/pods/${encodeURIComponent(pod)}/log`;
    const query = { container: options.container, tailLines: options.tailLines, previous: options.previous };
    return (await this.#send(this.#request("GET", path, options, query, slowCallTimeoutMs))).body;
  }

  #path(object: KubeObject, subresource?: string): string {
    const { namespace, name } = object.metadata;
    return pathOf(this.#parts.table.of(object), namespace, name, subresource);
  }

  #request(
    method: HttpRequest["method"],
    path: string,
    options: CallOptions,
    query: Query = {},
    defaultTimeoutMs = callTimeoutMs,
  ): HttpRequest {
    const { leashes } = this.#parts;
    const signals = leashes.map((leash) => leash.signal);
    if (options.signal) signals.push(options.signal);
    const gate = () => {
      for (const signal of signals) signal.throwIfAborted();
      for (const leash of leashes) leash.check?.();
    };
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) words.set(name, String(value));
    const suffix = words.size > 0 ? `?${words}` : "";
    return { method, path: `${path}${suffix}`, timeoutMs: options.timeoutMs ?? defaultTimeoutMs, signals, gate };
  }

  async #json(request: HttpRequest): Promise<KubeObject> {
    return parse((await this.#send(request)).body, request.path);
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    const response = await this.#counted(request.method, () => this.#parts.http.send(request));
    if (response.status < 200 || response.status > 299) throw failure(response, request.path);
    return response;
  }

  /** Counts the request under its status, `<error>` when there was no answer (client-go's word). */
  async #counted<T extends { status: number }>(method: string, send: () => Promise<T>): Promise<T> {
    try {
      const result = await send();
      this.#parts.metrics?.requestDone(method, String(result.status), this.#parts.http.host);
      return result;
    } catch (error) {
      this.#parts.metrics?.requestDone(method, "<error>", this.#parts.http.host);
      throw error;
    }
  }
}

function selectors(options: Selectors): Query {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}
