import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { KubeApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
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

/**
 * Writes events of events.k8s.io/v1. Never throws and never waits: an event is a courtesy.
 *
 * The same event again (same object, type, reason, note) within 6 minutes becomes a series: the second one is written at
 * once, later ones as a count, once a minute at most. An object may have 25 new events at once and one every 30 s after
 * that; what is more is dropped and counted.
 */
export interface Recorder {
  event(object: KubeObject, details: EventDetails): void;
  /** Resolves when what was recorded is sent or dropped. */
  flush(): Promise<void>;
}

export interface RecorderOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  /** Who reports, as a qualified name: `stemhub.dev/operator`. */
  readonly reportingController: string;
  /** Which replica. Default: the host's name. */
  readonly reportingInstance?: string;
  readonly metrics?: Metrics;
}

const maxNoteBytes = 1024;
/** An event that did not come again for that long has ended its series (client-go: 6 min). */
const seriesMs = 6 * 60_000;
const seriesWriteMs = 60_000;
const burst = 25;
const refillMs = 30_000;
/** Sent one after the other; more than that waiting means that the API server is away, and news grow old. */
const maxWaiting = 100;
/** Objects and series remembered; the oldest is forgotten first, which at worst writes an event too many. */
const maxRemembered = 1_000;

interface Series {
  name: string | undefined;
  count: number;
  seenAt: number;
  writtenAt: number;
}

export function createRecorder(options: RecorderOptions): Recorder {
  return new SeriesRecorder(options);
}

class SeriesRecorder implements Recorder {
  readonly #options: RecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  #waiting = 0;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  event(object: KubeObject, details: EventDetails): void {
    const now = this.#options.clock.monotonic();
    const note = cut(details.note);
    const key = JSON.stringify([object.metadata.uid ?? object.metadata.name, details.type, details.reason, note]);
    const known = this.#series.get(key);
    if (known && now - known.seenAt < seriesMs) {
      known.count += 1;
      known.seenAt = now;
      if (known.count > 2 && now - known.writtenAt < seriesWriteMs) return;
      known.writtenAt = now;
      this.#send(() => this.#writeSeries(object, { ...details, note }, known));
      return;
    }
    if (!this.#hasToken(object, now)) {
      this.#options.metrics?.eventDropped("rate");
      return;
    }
    const series: Series = { name: undefined, count: 1, seenAt: now, writtenAt: now };
    remember(this.#series, key, series);
    this.#send(() => this.#create(object, { ...details, note }, series));
  }

  flush(): Promise<void> {
    return this.#sending;
  }

  #send(write: () => Promise<void>): void {
    if (this.#waiting >= maxWaiting) {
      this.#options.metrics?.eventDropped("rate");
      return;
    }
    this.#waiting += 1;
    this.#sending = this.#sending.then(async () => {
      try {
        await write();
      } catch (error) {
        this.#options.metrics?.eventDropped("refused");
        this.#options.log.debug({ reason: String(error) }, "an event could not be written");
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  async #create(object: KubeObject, details: EventDetails, series: Series): Promise<void> {
    const { api, clock, reportingController, reportingInstance } = this.#options;
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const eventName = `${name.slice(0, 230)}.${randomBytes(8).toString("hex")}`;
    await api.create({
      apiVersion: kinds.events.apiVersion,
      kind: kinds.events.kind,
      metadata: { name: eventName, namespace: namespace ?? "default" },
      eventTime: microTime(clock),
      reportingController,
      reportingInstance: (reportingInstance ?? hostname()).slice(0, 128),
      action: details.action ?? "Reconcile",
      type: details.type,
      reason: details.reason,
      note: details.note,
      regarding: { apiVersion: object.apiVersion, kind: object.kind, name, namespace, uid, resourceVersion },
    });
    series.name = eventName;
  }

  async #writeSeries(object: KubeObject, details: EventDetails, series: Series): Promise<void> {
    const { api, clock } = this.#options;
    if (series.name === undefined) return this.#create(object, details, series);
    const body = { series: { count: series.count, lastObservedTime: microTime(clock) } };
    const namespace = object.metadata.namespace ?? "default";
    try {
      await api.patch(kinds.events, namespace, series.name, body, { type: "merge" });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      await this.#create(object, details, series); // The API server keeps events for an hour.
    }
  }

  #hasToken(object: KubeObject, now: number): boolean {
    const key = object.metadata.uid ?? object.metadata.name;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    bucket.at = now;
    remember(this.#buckets, key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > maxRemembered && !oldest.done) map.delete(oldest.value);
}

/** The API server refuses longer notes; a character is never cut in half. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= maxNoteBytes) return note;
  const bytes = Buffer.from(note).subarray(0, maxNoteBytes - 3);
  return `${bytes.toString("utf8").replace(/\uFFFD+$/, "")}…`;
}

function microTime(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace("Z", "000Z");
}
