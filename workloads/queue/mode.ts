import { type DatabaseMode, modeDocumentSchema, modeKeys } from "../../operator/api/mode-document.ts";
import type { KubeApi } from "../../operator/runtime/api.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import { kinds } from "../../operator/runtime/kinds.ts";
import type { Log } from "../../operator/runtime/log.ts";
import { watchObject } from "../../operator/runtime/watch-object.ts";
import { noRevocations, type Revocations, revocationsSchema } from "./revocations.ts";

/** What works now, as far as the queue asks. */
export interface Mode {
  /** Undefined while it was never read. */
  readonly database: DatabaseMode | undefined;
  readonly revocations: Revocations;
}

/** The mode as it was last published. Fail static: it stays while nobody can be asked. */
export class ModeView {
  #current: Mode = { database: undefined, revocations: noRevocations };
  #epoch = 0;
  readonly #listeners = new Set<() => void>();

  get current(): Mode {
    return this.#current;
  }

  /** Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes in the ConfigMap's data. An older epoch than one that was seen is stale and changes nothing.
   * Errors: ZodError or SyntaxError when it is not what the operator writes; what was known stays.
   */
  take(data: Readonly<Record<string, string>>): void {
    const { epoch, capabilities } = modeDocumentSchema.parse(JSON.parse(data[modeKeys.mode] ?? ""));
    if (epoch < this.#epoch) return;
    const text = data[modeKeys.revocations];
    const revocations = text === undefined ? this.#current.revocations : revocationsSchema.parse(JSON.parse(text));
    this.#epoch = epoch;
    this.#current = { database: capabilities.database.mode, revocations };
    for (const listener of this.#listeners) listener();
  }
}

/** Keeps a view up to date by a watch of the one ConfigMap, until the signal. */
export async function watchMode(
  deps: { readonly api: KubeApi; readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
  of: { readonly namespace: string; readonly name: string },
  view: ModeView,
): Promise<void> {
  await watchObject(deps, { kind: kinds.configMaps, ...of }, (object) => {
    try {
      view.take((object.data ?? {}) as Record<string, string>);
    } catch (error) {
      deps.log.error({ reason: String(error) }, "the mode cannot be read, the last one stands");
    }
  });
}
