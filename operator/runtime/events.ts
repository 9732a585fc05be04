import type { KubeObject } from "./objects.ts";

export interface EventDetails {
  readonly type: "Normal" | "Warning";
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  /** A sentence for people, cut at 1024 bytes. */
  readonly note: string;
  /** What was done, CamelCase. Default "Reconcile". */
  readonly action?: string;
}

/** Events of events.k8s.io/v1. Never throws and never waits: an event is a courtesy. */
export interface Recorder {
  event(object: KubeObject, details: EventDetails): void;
  /** Resolves when what was recorded is sent or dropped. */
  flush(): Promise<void>;
}
