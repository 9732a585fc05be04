import type { Metrics } from "./metrics.ts";

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /metrics, /healthz and /readyz. A probe that returns a string fails with that string as its reason. */
export function startHealthServer(_options: {
  readonly port: number;
  readonly host?: string;
  readonly metrics: Metrics;
  readonly live: () => string | undefined;
  readonly ready: () => string | undefined;
}): Promise<HealthServer> {
  throw new Error("not built yet");
}
