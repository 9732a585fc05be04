import { Gauge, type Registry } from "prom-client";
import type { Key } from "../../runtime/objects.ts";
import type { AuthDocument } from "./documents.ts";

/** The fetching of keys and revocations as Prometheus sees it. */
export interface AuthMetrics {
  /** A document was fetched, and is good. */
  fetched(key: Key, what: AuthDocument, atMs: number): void;
  /** It was not, so often in a row. */
  failed(key: Key, what: AuthDocument, failures: number): void;
  /** Nothing is fetched any more: the series end. */
  forget(key: Key): void;
}

/** One a registry. */
export function createAuthMetrics(registry: Registry): AuthMetrics {
  const labelNames = ["namespace", "stemhub", "document"] as const;
  const registers = [registry];
  const last = new Gauge({
    name: "stemhub_auth_last_fetched_timestamp_seconds",
    help: "When this operator last fetched a document of auth, and it was good.",
    labelNames,
    registers,
  });
  const failing = new Gauge({
    name: "stemhub_auth_fetch_failures",
    help: "Fetches that failed in a row; 0 after a good one.",
    labelNames,
    registers,
  });
  const labelsOf = ({ namespace, name }: Key, document: AuthDocument) => ({ namespace, stemhub: name, document });
  return {
    fetched: (key, what, atMs) => {
      last.set(labelsOf(key, what), Math.round(atMs / 1_000));
      failing.set(labelsOf(key, what), 0);
    },
    failed: (key, what, failures) => failing.set(labelsOf(key, what), failures),
    forget: (key) => {
      for (const what of ["keys", "revocations"] as const) {
        for (const metric of [last, failing]) metric.remove(labelsOf(key, what));
      }
    },
  };
}
