import type { KubeApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** What the holder of the lease works with. All of it is dead for good once the lease is lost. */
export interface Leadership {
  /** Aborted (reason LeaseLostError) when the lease is lost, or when the grace after `stopping` is over. */
  readonly signal: AbortSignal;
  /** Aborted when the process should end: finish what runs, then return; the lease is given back afterwards. */
  readonly stopping: AbortSignal;
  /** The API server, on the leash of this leadership: no request starts after the local lease deadline. */
  readonly api: KubeApi;
}

export interface LeaderElectionOptions {
  readonly api: KubeApi;
  readonly lease: {
    readonly namespace: string;
    readonly name: string;
    readonly identity: string;
    /** How long others wait before they take the lease from a silent holder. Default 15 000. */
    readonly durationMs?: number;
    /** How long after its last successful renewal the holder goes on. Default 10 000. */
    readonly renewDeadlineMs?: number;
    /** Between two tries. Default 2 000. */
    readonly retryMs?: number;
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Aborted when the process should end. */
  readonly signal: AbortSignal;
  readonly onLead: (leadership: Leadership) => Promise<void>;
}

/** Contends for the lease until `signal`; resolves when the work has ended and the lease was given back. */
export function runLeaderElected(_options: LeaderElectionOptions): Promise<void> {
  throw new Error("not built yet");
}
