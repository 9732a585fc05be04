/** Prometheus metrics under controller-runtime's names. */
export interface Metrics {
  /** The text of /metrics. */
  text(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(): Metrics {
  throw new Error("not built yet");
}
