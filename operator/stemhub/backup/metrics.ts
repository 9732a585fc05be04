import { Gauge, type Registry } from "prom-client";
import { formatKey, type Key } from "../../runtime/objects.ts";
import type { ArchiveFacts } from "../postgres/probe/archive.ts";

/** The archive as Prometheus sees it. A StemHub whose primary has not answered has no series. */
export interface BackupMetrics {
  /** Reads a StemHub's archive at each scrape from now on: what it says changes without a pass. Safe to repeat. */
  follow(key: Key, read: () => ArchiveFacts | undefined): void;
  /** It is gone, or has no archive: its series end. */
  forget(key: Key): void;
}

const labelNames = ["namespace", "stemhub"] as const;

/** Each metric: its help, and its value. */
const metrics: readonly (readonly [name: string, help: string, value: (archive: ArchiveFacts) => number])[] = [
  [
    "stemhub_archive_lag_seconds",
    "Seconds for which nothing has been safe in the archive: what the loss of every member would cost.",
    ({ lagSeconds }) => lagSeconds,
  ],
  [
    "stemhub_archive_waiting_segments",
    "Segments of write-ahead log that are full and not archived.",
    ({ waiting }) => waiting.segments,
  ],
  [
    "stemhub_archive_failing",
    "1 while the last attempt to archive a segment has failed.",
    ({ failing }) => Number(failing),
  ],
];

/** One a registry. */
export function createBackupMetrics(registry: Registry): BackupMetrics {
  const followed = new Map<string, { readonly key: Key; readonly read: () => ArchiveFacts | undefined }>();
  for (const [name, help, value] of metrics) {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { key, read } of followed.values()) {
          const archive = read();
          if (archive) this.set({ namespace: key.namespace, stemhub: key.name }, value(archive));
        }
      },
    });
  }
  return {
    follow: (key, read) => {
      followed.set(formatKey(key), { key, read });
    },
    forget: (key) => {
      followed.delete(formatKey(key));
    },
  };
}
