import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What ended a reconcile, as controller-runtime counts it. */
export type ReconcileOutcome = "success" | "requeue_after" | "requeue" | "error";

const outcomes: readonly ReconcileOutcome[] = ["success", "requeue_after", "requeue", "error"];

/** controller-runtime's buckets of reconcile time, in seconds. */
const reconcileSeconds = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** client-go's buckets of queue times: powers of ten from 10 ns; below 0.1 ms Node's clock says nothing. */
const queueSeconds = [0.0001, 0.001, 0.01, 0.1, 1, 10, 100, 1000];

/**
 * Prometheus metrics under the names that controller-runtime and client-go use, so that dashboards made for them work.
 * Every label value that is known beforehand starts at zero: an alert on a rate needs the series to exist.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #reconciles = this.#counter("controller_runtime_reconcile_total", "Reconciles by outcome.", [
    "controller",
    "result",
  ]);
  readonly #errors = this.#counter("controller_runtime_reconcile_errors_total", "Reconciles that failed.", [
    "controller",
  ]);
  readonly #terminal = this.#counter(
    "controller_runtime_terminal_reconcile_errors_total",
    "Reconciles that failed and are not retried until something changes.",
    ["controller"],
  );
  readonly #time = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "How long a reconcile took.",
    labelNames: ["controller"],
    buckets: reconcileSeconds,
    registers: [this.registry],
  });
  readonly #active = this.#gauge("controller_runtime_active_workers", "Reconciles under way.", ["controller"]);
  readonly #most = this.#gauge("controller_runtime_max_concurrent_reconciles", "Reconciles allowed at once.", [
    "controller",
  ]);
  readonly #depth = this.#gauge("workqueue_depth", "Keys that are due and wait.", ["name"]);
  readonly #adds = this.#counter("workqueue_adds_total", "Keys added.", ["name"]);
  readonly #retries = this.#counter("workqueue_retries_total", "Keys added again after a failure.", ["name"]);
  readonly #queued = this.#queueTime("workqueue_queue_duration_seconds", "How long a due key waited.");
  readonly #worked = this.#queueTime("workqueue_work_duration_seconds", "How long a key was worked on.");
  readonly #requests = this.#counter("rest_client_requests_total", "Requests to the API server.", [
    "code",
    "method",
    "host",
  ]);
  readonly #leader = this.#gauge("leader_election_master_status", "1 on the replica that holds the lease.", ["name"]);
  readonly #events = this.#counter("event_recorder_dropped_total", "Events not written: too many, or refused.", [
    "reason",
  ]);
  readonly #relists = this.#counter("watch_cache_relists_total", "Full lists that a watch cache needed.", ["kind"]);

  /** Of each queue: the ages in seconds of what it works on. Asked at each scrape. */
  readonly #ages = new Map<string, () => readonly number[]>();

  readonly contentType = this.registry.contentType;

  /** The text of /metrics. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  controllerStarted(controller: string, concurrency: number): void {
    for (const result of outcomes) this.#reconciles.inc({ controller, result }, 0);
    this.#errors.inc({ controller }, 0);
    this.#terminal.inc({ controller }, 0);
    this.#time.zero({ controller });
    this.#active.set({ controller }, 0);
    this.#most.set({ controller }, concurrency);
  }

  reconcileStarted(controller: string): void {
    this.#active.inc({ controller });
  }

  reconcileDone(controller: string, result: ReconcileOutcome, seconds: number, terminal = false): void {
    this.#active.dec({ controller });
    this.#reconciles.inc({ controller, result });
    this.#time.observe({ controller }, seconds);
    if (result === "error") this.#errors.inc({ controller });
    if (terminal) this.#terminal.inc({ controller });
  }

  /** `running` is asked at each scrape for the ages, in seconds, of what is worked on. */
  queueStarted(name: string, running: () => readonly number[]): void {
    this.#depth.set({ name }, 0);
    this.#adds.inc({ name }, 0);
    this.#retries.inc({ name }, 0);
    this.#queued.zero({ name });
    this.#worked.zero({ name });
    this.#ages.set(name, running);
  }

  queueAdded(name: string): void {
    this.#adds.inc({ name });
  }

  queueRetried(name: string): void {
    this.#retries.inc({ name });
  }

  queueDepth(name: string, depth: number): void {
    this.#depth.set({ name }, depth);
  }

  queueWaited(name: string, seconds: number): void {
    this.#queued.observe({ name }, seconds);
  }

  queueWorked(name: string, seconds: number): void {
    this.#worked.observe({ name }, seconds);
  }

  requestDone(method: string, code: string, host: string): void {
    this.#requests.inc({ method, code, host });
  }

  leading(name: string, leads: boolean): void {
    this.#leader.set({ name }, leads ? 1 : 0);
  }

  eventDropped(reason: "rate" | "refused"): void {
    this.#events.inc({ reason });
  }

  relisted(kind: string): void {
    this.#relists.inc({ kind });
  }

  constructor() {
    this.#ageGauge("workqueue_unfinished_work_seconds", "Sum of the ages of what is worked on now.", (ages) =>
      ages.reduce((sum, age) => sum + age, 0),
    );
    this.#ageGauge("workqueue_longest_running_processor_seconds", "Age of what is worked on longest.", (ages) =>
      Math.max(0, ...ages),
    );
    this.#events.inc({ reason: "rate" }, 0);
    this.#events.inc({ reason: "refused" }, 0);
    processMetrics(this.registry);
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #queueTime(name: string, help: string): Histogram<"name"> {
    return new Histogram({ name, help, labelNames: ["name"], buckets: queueSeconds, registers: [this.registry] });
  }

  #ageGauge(name: string, help: string, value: (ages: readonly number[]) => number): void {
    const all = this.#ages;
    new Gauge({
      name,
      help,
      labelNames: ["name"],
      registers: [this.registry],
      collect() {
        for (const [queue, ages] of all) this.set({ name: queue }, value(ages()));
      },
    });
  }
}

/**
 * The two process metrics that dashboards ask for. Not prom-client's whole default set: its event loop histogram wakes
 * the process a hundred times a second, which alone costs half of the idle CPU budget.
 */
function processMetrics(registry: Registry): void {
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const cpu = new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent in seconds.",
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
}

/** A fresh registry: one a process, one a test. */
export function createMetrics(): Metrics {
  return new Metrics();
}
