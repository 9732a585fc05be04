import type { ModeDocument } from "../../../../operator/api/mode-document.ts";

/** Keys of the shared memory: what the mode-agent handed over last. It outlives reloads, and the agent. */
type Key =
  /** The mode document as it was handed over. */
  | "mode"
  /** The same in one line: state.ts. */
  | "state"
  /** The ETag of the document. */
  | "tag"
  /** The key set by which tokens are verified: JSON as the operator wrote it. */
  | "jwks"
  /** Of the same, what every request needs: when it was fetched, in seconds since 1970, and a hash of its keys. */
  | "trust"
  /** Of what list the entries of the zone `revoked` are: a hash of it. */
  | "revocations";

/** What is kept under a key; undefined until the first hand-over. */
export function recall(key: Key): string | undefined {
  return ngx.shared.stemhub?.get(key) as string | undefined;
}

/** Errors: SharedMemoryError when the zone is full; what was there before stays. */
export function keep(key: Key, value: string): void {
  ngx.shared.stemhub?.set(key, value);
}

/** The mode, or undefined until the first hand-over. */
export function currentMode(): ModeDocument | undefined {
  const text = recall("mode");
  return text === undefined ? undefined : (JSON.parse(text) as ModeDocument);
}
