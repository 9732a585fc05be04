import type { KubeApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import { Elector, type ElectorOptions, type Term } from "./elector.ts";
import { LeaseLostError } from "./errors.ts";
import type { Metrics } from "./metrics.ts";

/** What the holder of the lease works with. All of it is dead for good once the lease is lost. */
export interface Leadership {
  /** Aborted (reason LeaseLostError) when the lease is lost, or when the work outlived the grace after `stopping`. */
  readonly signal: AbortSignal;
  /** Aborted when the process should end: finish what runs, then return; the lease is given back afterwards. */
  readonly stopping: AbortSignal;
  /** The API server, on the leash of this leadership: no request starts after the local lease deadline. */
  readonly api: KubeApi;
  /** Makes room for another contender: `stopping`, and then this one does not contend for `resignMs`. Safe to repeat. */
  readonly resign: () => void;
}

export interface LeaderElectionOptions extends ElectorOptions {
  readonly metrics?: Metrics;
  /**
   * The work. It must end soon after its signal is aborted. Rejecting with LeaseLostError is such an end; any other
   * rejection ends the election.
   */
  readonly onLead: (leadership: Leadership) => Promise<void>;
}

/** Five tries of the others (retryMs). Where there are none, the leadership is free for that long. */
const resignMs = 10_000;

/** What work may take to end after `stopping`: the workers' own 30 s, and a little for what they flush. */
const graceMs = 32_000;

/** What work whose lease is lost may take to end. It has no API client any more. */
const lostGraceMs = 10_000;

/**
 * Contends for the lease until `signal`; resolves when the work has ended and the lease was given back.
 *
 * Guarantees. No two contenders work at once: the holder stops `renewDeadlineMs` after it sent its last successful
 * renewal, others start no sooner than `durationMs` after they saw that renewal. Both count on their own monotonic
 * clock, so clocks need not agree, only run at about the same speed. The deadline is checked before each request of the
 * work, not only by a timer, since a process that was frozen runs its requests and its timers in any order; a request
 * under way at the deadline is cut, and has what lies between the two numbers (5 s) to be out of the network.
 *
 * After a lost lease it contends again; the former work has ended by then. Rejects when work refuses to end: then only
 * the end of the process is safe.
 */
export async function runLeaderElected(options: LeaderElectionOptions): Promise<void> {
  const elector = new Elector(options);
  options.metrics?.leading(options.lease.name, false);
  while (!options.signal.aborted) {
    const term = await elector.acquire();
    const end = term && (await lead(options, elector, term));
    if (end === "resigned") await pause(options, resignMs);
  }
}

async function lead(options: LeaderElectionOptions, elector: Elector, term: Term): Promise<"resigned" | "ended"> {
  const { clock, log, metrics, signal } = options;
  const lost = new AbortController();
  const stopping = new AbortController();
  const workEnded = new AbortController();
  const about = { lease: options.lease.name, identity: options.lease.identity };

  const lose = (reason: string) => {
    if (lost.signal.aborted) return;
    log.warn({ ...about, reason }, "leadership ends");
    metrics?.leading(options.lease.name, false);
    lost.abort(new LeaseLostError(reason));
  };
  const check = () => {
    if (clock.monotonic() >= term.deadline) lose("the lease was not renewed in time");
    lost.signal.throwIfAborted();
  };
  let deadlineTimer = clock.setTimer(term.deadline - clock.monotonic(), onDeadline);
  function onDeadline() {
    const left = term.deadline - clock.monotonic();
    if (left > 0) deadlineTimer = clock.setTimer(left, onDeadline);
    else lose("the lease was not renewed in time");
  }

  const stop = () => stopping.abort(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });

  log.info(about, "leadership begins");
  metrics?.leading(options.lease.name, true);
  const api = options.api.bound({ signal: lost.signal, check });
  let end: "resigned" | "ended" = "ended";
  const resign = () => {
    end = "resigned";
    stopping.abort(new Error("another contender is to lead"));
  };
  const work = options
    .onLead({ signal: lost.signal, stopping: stopping.signal, api, resign })
    .catch((error: unknown) => {
      if (!(error instanceof LeaseLostError)) throw error;
    });
  const renewing = elector.renew(term, AbortSignal.any([lost.signal, workEnded.signal]), lose);
  try {
    await withinGrace(clock, work, lost.signal, stopping.signal, lose);
  } finally {
    workEnded.abort(new Error("the work has ended"));
    await renewing;
    deadlineTimer.clear();
    signal.removeEventListener("abort", stop);
    metrics?.leading(options.lease.name, false);
    const wasHeld = !lost.signal.aborted;
    lose("the work has ended");
    if (wasHeld) await elector.release(term);
  }
  return end;
}

/** Ends early, without an error, when the process should end. */
async function pause({ clock, signal }: LeaderElectionOptions, ms: number): Promise<void> {
  await clock.sleep(ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** The work's own end. Rejects when it goes on for too long after it was told to stop, or after the lease was lost. */
function withinGrace(
  clock: Clock,
  work: Promise<void>,
  lost: AbortSignal,
  stopping: AbortSignal,
  lose: (reason: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let grace = clock.setTimer(0, () => undefined);
    const afterLoss = () => {
      grace.clear();
      grace = clock.setTimer(lostGraceMs, () => reject(new Error("work goes on after its lease was lost")));
    };
    const afterStop = () => {
      if (!lost.aborted) grace = clock.setTimer(graceMs, () => lose("the work outlived its grace"));
    };
    lost.addEventListener("abort", afterLoss, { once: true });
    if (stopping.aborted) afterStop();
    else stopping.addEventListener("abort", afterStop, { once: true });
    work.then(resolve, reject).finally(() => {
      grace.clear();
      lost.removeEventListener("abort", afterLoss);
      stopping.removeEventListener("abort", afterStop);
    });
  });
}
