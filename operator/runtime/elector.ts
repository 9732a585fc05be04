import type { KubeApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import { ConflictError, retryAfterOf } from "./errors.ts";
import { kinds } from "./kinds.ts";
import type { Log } from "./log.ts";
import type { KubeObject } from "./objects.ts";

export interface ElectorOptions {
  readonly api: KubeApi;
  readonly lease: {
    readonly namespace: string;
    readonly name: string;
    /** Unique among the contenders, also over restarts of one pod: e.g. pod name and a random part. */
    readonly identity: string;
    /** How long others wait before they take the lease from a silent holder. Default 15 000. */
    readonly durationMs?: number;
    /** How long after its last successful renewal the holder goes on. Less than durationMs. Default 10 000. */
    readonly renewDeadlineMs?: number;
    /** Between two tries. Default 2 000. */
    readonly retryMs?: number;
  };
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the process should end. */
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** A lease that is held until a moment of the own monotonic clock, which each renewal moves. */
export interface Term {
  deadline: number;
  held: KubeObject;
}

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

/** Reads and writes the Lease; knows when another's has run out. */
export class Elector {
  readonly #options: ElectorOptions;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  /** What another holder last wrote, and when we first saw it: its lease runs from there, on our clock. */
  #seen: { record: string; at: number } | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#durationMs = options.lease.durationMs ?? 15_000;
    this.#renewDeadlineMs = options.lease.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.lease.retryMs ?? 2_000;
    if (this.#renewDeadlineMs >= this.#durationMs) throw new Error("the renew deadline must be before the lease's end");
  }

  /** Tries until the lease is ours; undefined when the process should end. */
  async acquire(): Promise<Term | undefined> {
    const { log, signal } = this.#options;
    while (!signal.aborted) {
      let waitMs = this.#jittered(this.#retryMs);
      try {
        const term = await this.#tryToAcquire();
        if (term) return term;
      } catch (error) {
        if (signal.aborted) return undefined;
        // Another contender was faster: the next look will show it.
        if (!(error instanceof ConflictError))
          log.warn({ reason: messageOf(error) }, "the lease could not be read or taken");
        waitMs = Math.max(waitMs, retryAfterOf(error) ?? 0);
      }
      await this.#pause(waitMs, signal);
    }
    return undefined;
  }

  /** Renews until the signal, or until the lease is another's. Failures are tried again; the deadline judges them. */
  async renew(term: Term, signal: AbortSignal, lose: (reason: string) => void): Promise<void> {
    const { clock, log } = this.#options;
    let waitMs = this.#retryMs;
    for (;;) {
      await this.#pause(waitMs, signal);
      if (signal.aborted) return;
      waitMs = this.#retryMs;
      const sentAt = clock.monotonic();
      try {
        term.held = await this.#write(term.held, { ...specOf(term.held), renewTime: this.#microTime() }, signal);
        term.deadline = sentAt + this.#renewDeadlineMs;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ reason: messageOf(error) }, "the lease could not be renewed");
        waitMs = Math.max(waitMs / 4, retryAfterOf(error) ?? 0);
        if (error instanceof ConflictError) await this.#lookAgain(term, signal, lose);
      }
    }
  }

  /** Gives the lease back, so that another need not wait for its end. A failure only costs that wait. */
  async release(term: Term): Promise<void> {
    const { log, lease } = this.#options;
    const { acquireTime: _, ...spec } = specOf(term.held);
    try {
      log.info({ lease: lease.name }, "giving the lease back");
      const renewTime = this.#microTime();
      await this.#write(term.held, { ...spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime });
    } catch (error) {
      log.warn({ lease: lease.name, reason: messageOf(error) }, "the lease could not be given back");
    }
  }

  async #tryToAcquire(): Promise<Term | undefined> {
    const { api, clock, lease, signal } = this.#options;
    const found = await api.get(kinds.leases, lease.namespace, lease.name, { signal, timeoutMs: this.#tryMs() });
    const sentAt = clock.monotonic();
    const deadline = sentAt + this.#renewDeadlineMs;
    const now = this.#microTime();
    const mine = {
      holderIdentity: lease.identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      acquireTime: now,
      renewTime: now,
    };
    if (!found) {
      const held = await api.create(
        {
          apiVersion: kinds.leases.apiVersion,
          kind: kinds.leases.kind,
          metadata: { name: lease.name, namespace: lease.namespace },
          spec: { ...mine, leaseTransitions: 0 },
        },
        { signal, timeoutMs: this.#tryMs() },
      );
      return { deadline, held };
    }
    if (!this.#mayTake(found)) return undefined;
    const transitions = (specOf(found).leaseTransitions ?? 0) + 1;
    return { deadline, held: await this.#write(found, { ...mine, leaseTransitions: transitions }, signal) };
  }

  /**
   * Nobody holds it; or we do, by a write whose answer was lost; or its holder was silent for the lease's whole
   * duration while we watched.
   */
  #mayTake(found: KubeObject): boolean {
    const spec = specOf(found);
    if (!spec.holderIdentity || spec.holderIdentity === this.#options.lease.identity) return true;
    const now = this.#options.clock.monotonic();
    const record = JSON.stringify([spec.holderIdentity, spec.renewTime, spec.leaseTransitions]);
    if (this.#seen?.record !== record) this.#seen = { record, at: now };
    return now >= this.#seen.at + (spec.leaseDurationSeconds ?? 0) * 1000;
  }

  /** After a conflict: a write of ours whose answer was lost, somebody's label, or a new holder. */
  async #lookAgain(term: Term, signal: AbortSignal, lose: (reason: string) => void): Promise<void> {
    const { api, lease, log } = this.#options;
    try {
      const found = await api.get(kinds.leases, lease.namespace, lease.name, { signal, timeoutMs: this.#tryMs() });
      const holder = found ? specOf(found).holderIdentity : undefined;
      if (found && holder === lease.identity) term.held = found;
      else lose(`the lease is held by ${holder || "nobody"}`);
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: messageOf(error) }, "the lease could not be read");
    }
  }

  /** The resource version makes this an exchange: it fails when anybody wrote since we read. */
  #write(lease: KubeObject, spec: LeaseSpec, signal?: AbortSignal): Promise<KubeObject> {
    const { managedFields: _, ...metadata } = lease.metadata;
    const options = { timeoutMs: this.#tryMs(), ...(signal ? { signal } : {}) };
    return this.#options.api.replace({ ...lease, metadata, spec }, options);
  }

  /** One try may not use up the deadline: a stalled connection leaves time for a second one. */
  #tryMs(): number {
    return this.#renewDeadlineMs / 2;
  }

  #microTime(): string {
    return new Date(this.#options.clock.now()).toISOString().replace("Z", "000Z");
  }

  #jittered(ms: number): number {
    return ms * (1 + 0.2 * (this.#options.random ?? Math.random)());
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function specOf(lease: KubeObject): LeaseSpec {
  return (lease.spec ?? {}) as LeaseSpec;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
