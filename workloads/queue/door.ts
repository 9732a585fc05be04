import type { QueueConfiguration, QueueSummary } from "../../operator/api/queue-configuration.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Log } from "../../operator/runtime/log.ts";
import { type Arrival, readArrival } from "./arrival.ts";
import type { ModeView } from "./mode.ts";
import * as problems from "./problems.ts";
import { StoreFullError, type WriteStore } from "./store.ts";
import { asksTheSame, type Claims, hashOf, isAuthor, type Write, type WriteState, writeId } from "./write.ts";
import type { WriteIndex } from "./write-index.ts";

/** How long a question may wait until this process has seen what the stream holds. */
const catchUpMs = 3_000;
/** How often the store is asked how full it is. Between, this process counts what it takes itself. */
const bytesFreshMs = 1_000;

/** What the door answers to a write. */
export type Taken =
  | { readonly kind: "accepted"; readonly id: string }
  /** Nothing of its aggregate is queued: the gateway sends it to the app itself. */
  | { readonly kind: "pass" }
  | { readonly kind: "refused"; readonly problem: problems.Problem };

/** What becomes of a write, for its author. */
export interface WriteStatus {
  readonly id: string;
  readonly state: WriteState["name"];
  readonly acceptedAt: string;
  readonly aggregate: string;
  readonly attempts: number;
  /** The app's answer, as far as there was one. */
  readonly status?: number;
  readonly reason?: string;
}

/** What the door needs. */
export interface DoorDeps {
  readonly configuration: QueueConfiguration;
  readonly store: WriteStore;
  readonly index: WriteIndex;
  readonly mode: ModeView;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Where writes come in, and where is told what became of them. Any number of processes may have one.
 *
 * Guarantees: `accepted` is said of what is on the disks of a majority, and of nothing else. One key is one write for all
 * processes, since the store takes the first alone.
 */
export class Door {
  readonly #deps: DoorDeps;
  /** Keys that are being taken by this process. */
  readonly #underWay = new Set<string>();
  /** What the stream held, when that was asked (monotonic), with what this process has put there since. */
  #stored = { bytes: 0, askedAt: Number.NEGATIVE_INFINITY };

  constructor(deps: DoorDeps) {
    this.#deps = deps;
  }

  /** Takes a write. `headers` are the gateway's, the body is whole. */
  async take(headers: Arrival, body: Buffer): Promise<Taken> {
    const { configuration, clock } = this.#deps;
    const read = readArrival(headers, configuration);
    if ("problem" in read) return refused(read.problem);
    if (body.length > configuration.limits.bodyBytes) return refused(problems.bodyTooLarge);
    const write: Write = {
      ...read.write,
      id: writeId(read.write.key),
      bodyHash: hashOf(body),
      acceptedAt: clock.now(),
    };
    if (this.#underWay.has(write.id)) return refused(problems.inFlight);
    this.#underWay.add(write.id);
    try {
      return await this.#takeFirst(write, body);
    } catch (error) {
      if (error instanceof StoreFullError) return refused(problems.queueFull);
      this.#deps.log.warn({ requestId: write.requestId, reason: String(error) }, "a write could not be taken");
      return refused(problems.storeAway);
    } finally {
      this.#underWay.delete(write.id);
    }
  }

  /** In this order: what is there already gets its answer, full or not; then who need not wait; then whether there is room. */
  async #takeFirst(write: Write, body: Buffer): Promise<Taken> {
    const { store, index, mode, configuration } = this.#deps;
    const isDraining = mode.current.database === "Draining";
    if (isDraining) await this.#catchUp();
    if (index.get(write.id)) return await this.#compare(write);
    if (isDraining && !index.holds(write.aggregate)) return { kind: "pass" };
    const { count, storeBytes } = configuration.limits;
    if (index.unfinished >= count || (await this.#storedBytes()) >= storeBytes) return refused(problems.queueFull);
    if (!(await store.create(write, body))) return await this.#compare(write);
    this.#stored.bytes += body.length;
    return { kind: "accepted", id: write.id };
  }

  async #storedBytes(): Promise<number> {
    const now = this.#deps.clock.monotonic();
    if (now - this.#stored.askedAt >= bytesFreshMs) {
      this.#stored.askedAt = now;
      this.#stored.bytes = (await this.#deps.store.position()).bytes;
    }
    return this.#stored.bytes;
  }

  async #compare(write: Write): Promise<Taken> {
    const found = await this.#deps.store.read(write.id);
    // Forgotten between the two questions: whoever asks again is new.
    if (!found) return refused(problems.inFlight);
    if (!isAuthor(found.write, write.claims)) return refused(problems.keyTaken);
    if (!asksTheSame(found.write, write)) return refused(problems.otherRequest);
    return { kind: "accepted", id: write.id };
  }

  /** What became of a write; undefined for whoever is not its author. Errors: as the store's. */
  async statusOf(id: string, claims: Claims): Promise<WriteStatus | undefined> {
    const found = await this.#deps.store.read(id);
    if (!found || !isAuthor(found.write, claims)) return undefined;
    const { write, state } = found;
    return {
      id,
      state: state.name,
      acceptedAt: new Date(write.acceptedAt).toISOString(),
      aggregate: write.aggregate,
      attempts: state.attempts,
      ...("status" in state && state.status !== undefined ? { status: state.status } : {}),
      ...(state.name === "DeadLetter" ? { reason: state.reason } : {}),
    };
  }

  /** For the operator. Errors: when the store is away, since numbers of a moment ago could say that nothing waits. */
  async summary(): Promise<QueueSummary> {
    await this.#catchUp();
    return this.#deps.index.summary(this.#deps.clock.now());
  }

  async #catchUp(): Promise<void> {
    const { lastSeq } = await this.#deps.store.position();
    await this.#deps.index.caughtUp(lastSeq, AbortSignal.timeout(catchUpMs));
  }
}

function refused(problem: problems.Problem): Taken {
  return { kind: "refused", problem };
}
