import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from "@nats-io/jetstream";
import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import {
  decodeBody,
  decodeState,
  decodeWrite,
  encodeFinished,
  encodeState,
  encodeWrite,
  stateSubject,
  subjects,
  writeSubject,
} from "./record.ts";
import type { KeyRing } from "./sealing.ts";
import { accepted, isTerminal, type Write, type WriteState } from "./write.ts";

/** How long JetStream may take to answer. With all its copies it answers in milliseconds; without a quorum never. */
const answerMs = 5_000;

/** What a stream of writes is made with. */
export interface StoreOptions {
  /** Name of the stream. */
  readonly stream: string;
  readonly replicas: 1 | 3;
  readonly maxBytes: number;
  /** Asked each time: keys are rotated while the process runs. */
  readonly keys: () => KeyRing;
}

/** How far a write is, and where that is stored. `stateSeq` is 0 while it has no state of its own. */
export interface Place {
  readonly state: WriteState;
  readonly seq: number;
  readonly stateSeq: number;
}

/** A write as it is stored. */
export interface Stored extends Place {
  readonly write: Write;
  /** Undefined once it is finished. @throws UnreadableError */
  readonly body: () => Buffer | undefined;
}

/** Somebody else changed it first. */
export class StaleError extends Error {
  override readonly name = "StaleError";
}

/** The store takes no more bytes. */
export class StoreFullError extends Error {
  override readonly name = "StoreFullError";
}

/**
 * The stream of writes.
 *
 * Guarantees: what `create`, `mark` and `finish` returned of is on the disks of a majority of the stream's servers
 * (`sync_interval: always`). Each change names the sequence that it follows, so of two that are made at once one is
 * refused (StaleError). Nothing is ever removed by age: what was accepted goes only by `finish`, then by `forget`.
 *
 * Errors: StaleError, StoreFullError; those of the NATS client when it is away, after 5 s at most. A change that ended in
 * such an error may have been made.
 */
export class WriteStore {
  readonly #js: JetStreamClient;
  readonly #jsm: JetStreamManager;
  readonly #options: StoreOptions;

  private constructor(js: JetStreamClient, jsm: JetStreamManager, options: StoreOptions) {
    this.#js = js;
    this.#jsm = jsm;
    this.#options = options;
  }

  /** Makes the stream where there is none, and brings it to the options. */
  static async open(connection: NatsConnection, options: StoreOptions): Promise<WriteStore> {
    const jsm = await jetstreamManager(connection, { timeout: answerMs });
    const changeable = {
      subjects,
      num_replicas: options.replicas,
      max_bytes: options.maxBytes,
      max_msgs_per_subject: 1,
      discard: DiscardPolicy.New,
      // Reads by a follower could be older than what this process has just written.
      allow_direct: false,
    };
    const { stream: name } = options;
    try {
      await jsm.streams.info(name);
      await jsm.streams.update(name, changeable);
    } catch (error) {
      if (!isCode(error, JetStreamApiCodes.StreamNotFound)) throw error;
      const kept = { retention: RetentionPolicy.Limits, storage: StorageType.File };
      await jsm.streams.add({ name, ...changeable, ...kept });
    }
    return new WriteStore(jetstream(connection, { timeout: answerMs }), jsm, options);
  }

  get stream(): string {
    return this.#options.stream;
  }

  get js(): JetStreamClient {
    return this.#js;
  }

  /** Stores a new write. False when there is one with its key already, whatever became of it. */
  async create(write: Write, body: Uint8Array): Promise<boolean> {
    const { headers, payload } = encodeWrite(this.#options.keys(), write, body);
    try {
      await this.#publish(writeSubject(write.id), payload, headers, 0);
      return true;
    } catch (error) {
      if (error instanceof StaleError) return false;
      throw error;
    }
  }

  /** The write with an id. @throws UnreadableError when no key opens it. */
  async read(id: string): Promise<Stored | undefined> {
    const found = await this.#find(id);
    if (!found) return undefined;
    const { message, ...place } = found;
    const ring = this.#options.keys();
    const write = decodeWrite(ring, id, message.header);
    const body = () => (isTerminal(place.state) ? undefined : decodeBody(ring, id, message.data));
    return { write, body, ...place };
  }

  /** How far a write is, without opening it. */
  async peek(id: string): Promise<Place | undefined> {
    const found = await this.#find(id);
    return found && { state: found.state, seq: found.seq, stateSeq: found.stateSeq };
  }

  async #find(id: string): Promise<(Place & { readonly message: StoredMsg }) | undefined> {
    const message = await this.#last(writeSubject(id));
    if (!message) return undefined;
    const finished = decodeState(message.header);
    if (finished) return { message, state: finished, seq: message.seq, stateSeq: 0 };
    const mark = await this.#last(stateSubject(id));
    return { message, state: decodeState(mark?.header) ?? accepted, seq: message.seq, stateSeq: mark?.seq ?? 0 };
  }

  /** Records the state of a write that is not finished, after the state at `stateSeq`; returns its own sequence. */
  async mark(id: string, state: WriteState, stateSeq: number): Promise<number> {
    if (isTerminal(state)) throw new Error(`a write that is ${state.name} is finished, not marked`);
    return await this.#publish(stateSubject(id), new Uint8Array(), encodeState(state), stateSeq);
  }

  /** Puts the last state of a write in the place of its body; returns its sequence. `seq` is the write's own. */
  async finish(write: Write, state: WriteState, seq: number): Promise<number> {
    if (!isTerminal(state)) throw new Error(`a write that is ${state.name} is not finished`);
    const headers = encodeFinished(this.#options.keys(), write, state);
    return await this.#publish(writeSubject(write.id), new Uint8Array(), headers, seq);
  }

  /** Drops a write that no key opens: nothing but its end is left. `seq` is the write's own. */
  async dropUnread(id: string, state: WriteState, seq: number): Promise<number> {
    return await this.#publish(writeSubject(id), new Uint8Array(), encodeState(state), seq);
  }

  /** Removes what is left of a finished write. Its state first: without the write it would belong to nothing. */
  async forget(id: string): Promise<void> {
    await this.#jsm.streams.purge(this.stream, { filter: stateSubject(id) });
    await this.#jsm.streams.purge(this.stream, { filter: writeSubject(id) });
  }

  /** The newest sequence of the stream, by its leader, and the bytes that it holds. */
  async position(): Promise<{ readonly lastSeq: number; readonly bytes: number }> {
    const { state } = await this.#jsm.streams.info(this.stream);
    return { lastSeq: state.last_seq, bytes: state.bytes };
  }

  async #last(subject: string): Promise<StoredMsg | undefined> {
    try {
      return (await this.#jsm.streams.getMessage(this.stream, { last_by_subj: subject })) ?? undefined;
    } catch (error) {
      if (isCode(error, JetStreamApiCodes.NoMessageFound)) return undefined;
      throw error;
    }
  }

  async #publish(subject: string, payload: Uint8Array, headers: MsgHdrs, after: number): Promise<number> {
    try {
      const expect = { streamName: this.stream, lastSubjectSequence: after };
      const { seq } = await this.#js.publish(subject, payload, { headers, expect });
      return seq;
    } catch (error) {
      if (isCode(error, JetStreamApiCodes.StreamWrongLastSequence)) throw new StaleError(subject, { cause: error });
      if (error instanceof JetStreamApiError && fullCodes.has(error.code)) {
        throw new StoreFullError(error.message, { cause: error });
      }
      throw error;
    }
  }
}

/**
 * JSStreamStoreFailedF, which carries "maximum bytes exceeded", and JSStorageResourcesExceededErr.
 * Source: https://github.com/nats-io/nats-server/blob/v2.10.27/server/errors.json
 */
const fullCodes: ReadonlySet<number> = new Set([10_077, 10_047]);

function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
