import { stemhubKind } from "../../operator/api/kinds.ts";
import type { KubeApi } from "../../operator/runtime/api.ts";
import { connect } from "../../operator/runtime/connect.ts";
import { kinds } from "../../operator/runtime/kinds.ts";
import type { KubeObject, ResourceKind } from "../../operator/runtime/objects.ts";

/** A busy API server answers within seconds; one that is away must not hold up a test that says so. */
const readDeadlineMs = 30_000;

/** Those that live in no namespace. */
const clusterScoped: ReadonlySet<ResourceKind> = new Set([
  kinds.namespaces,
  kinds.nodes,
  kinds.storageClasses,
  kinds.clusterRoles,
  kinds.clusterRoleBindings,
  kinds.customResourceDefinitions,
]);

/** What people write for a kind: its plural, its singular, and either with its group behind a dot. */
const kindByWord = new Map<string, ResourceKind>(
  [...Object.values(kinds), stemhubKind].flatMap((kind) => {
    const group = kind.apiVersion.includes("/") ? `.${kind.apiVersion.split("/")[0]}` : "";
    const words = [kind.plural, kind.kind.toLowerCase()];
    return [...words, ...words.map((word) => word + group)].map((word) => [word, kind] as const);
  }),
);

/**
 * Reads of one cluster over a connection that stays: tests look at objects ten times a second, and each start of a kubectl
 * costs 60 ms of a processor that the cluster under test needs. What they find is what `kubectl get -o json` shows.
 */
export class Reads {
  readonly #kubeconfig: string;
  #connection: Promise<KubeApi> | undefined;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** One object (`pod/studio-db-0`), or undefined where there is none. */
  async find(namespace: string, name: string): Promise<KubeObject | undefined> {
    const [word = "", object = ""] = name.split("/");
    const kind = kindOf(word);
    const api = await this.#connected();
    const found = await api.get(kind, scope(kind, namespace), object, { timeoutMs: readDeadlineMs });
    return found && withoutManagedFields(found);
  }

  /** All of a kind, by labels where given. */
  async list(namespace: string, word: string, labelSelector = ""): Promise<KubeObject[]> {
    const kind = kindOf(word);
    const api = await this.#connected();
    const found = await api.list(kind, scope(kind, namespace), { labelSelector, timeoutMs: readDeadlineMs });
    return found.map(withoutManagedFields);
  }

  /** What a pod of one container printed, up to its newest 100,000 lines. */
  async logs(namespace: string, pod: string): Promise<string> {
    return (await this.#connected()).logs(namespace, pod, { tailLines: 100_000, timeoutMs: readDeadlineMs });
  }

  async #connected(): Promise<KubeApi> {
    // A cluster that is just being made has no kubeconfig yet, and will have one.
    this.#connection ??= connect({ kubeconfig: this.#kubeconfig, fieldManager: "kubectl" }).catch((error) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }
}

/** Errors: for a word that kubectl may know and this table does not. */
function kindOf(word: string): ResourceKind {
  const kind = kindByWord.get(word);
  if (!kind) throw new Error(`"${word}" names no kind that tests read: ${[...kindByWord.keys()].join(", ")}`);
  return kind;
}

function scope(kind: ResourceKind, namespace: string): string | undefined {
  return clusterScoped.has(kind) ? undefined : namespace;
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
