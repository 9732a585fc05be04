import { type ModeDocument, modeDocumentSchema, modeKeys } from "../../../operator/api/mode-document.ts";
import type { Log } from "../../../operator/runtime/log.ts";

/** What the ConfigMap NAME-mode holds, as far as it can be used. */
export interface ModeContent {
  /** The document, and the text that it was read from. */
  readonly mode?: { readonly document: ModeDocument; readonly text: string };
  /** The texts of the other keys, which are JSON. */
  readonly jwks?: string;
  readonly revocations?: string;
}

/**
 * The newest that is known, whoever told it: a mounted copy at start, then the API server.
 *
 * Guarantees: an older epoch never takes the place of a newer one, what cannot be read takes the place of nothing, and a
 * key that is gone stays as it was: no news is no reason to change what holds. Listeners hear of each change, once.
 */
export class Latest {
  readonly #log: Log;
  readonly #listeners = new Set<(content: ModeContent) => void>();
  #content: ModeContent = {};

  constructor(log: Log) {
    this.#log = log;
  }

  get content(): ModeContent {
    return this.#content;
  }

  /** Takes what is new of a ConfigMap's data. */
  offer(data: Readonly<Record<string, string>>, from: string): void {
    const before = this.#content;
    const mode = this.#mode(data[modeKeys.mode], from) ?? before.mode;
    const jwks = this.#json(modeKeys.keys, data, from) ?? before.jwks;
    const revocations = this.#json(modeKeys.revocations, data, from) ?? before.revocations;
    if (mode === before.mode && jwks === before.jwks && revocations === before.revocations) return;
    this.#content = {
      ...(mode === undefined ? {} : { mode }),
      ...(jwks === undefined ? {} : { jwks }),
      ...(revocations === undefined ? {} : { revocations }),
    };
    const { document } = mode ?? {};
    this.#log.info({ from, mode: document?.mode, epoch: document?.epoch }, "a newer mode is known");
    for (const listener of this.#listeners) listener(this.#content);
  }

  /** Returns the unsubscribe function. */
  onChange(listener: (content: ModeContent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Undefined: nothing that could take the place of what is known. */
  #mode(text: string | undefined, from: string): ModeContent["mode"] {
    const known = this.#content.mode;
    if (text === undefined || text === known?.text) return undefined;
    const parsed = modeDocumentSchema.safeParse(parse(text));
    if (!parsed.success) {
      this.#log.warn(
        { from, key: modeKeys.mode, reason: parsed.error.message },
        "what is no mode document is passed over",
      );
      return undefined;
    }
    if (known && parsed.data.epoch < known.document.epoch) {
      this.#log.info({ from, epoch: parsed.data.epoch, known: known.document.epoch }, "an older epoch is passed over");
      return undefined;
    }
    return { document: parsed.data, text };
  }

  #json(key: string, data: Readonly<Record<string, string>>, from: string): string | undefined {
    const text = data[key];
    if (text === undefined || parse(text) !== undefined) return text;
    this.#log.warn({ from, key }, "what is no JSON is passed over");
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
