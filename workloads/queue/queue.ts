import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { QueueConfiguration } from "../../operator/api/queue-configuration.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Log } from "../../operator/runtime/log.ts";
import { assertion, type SigningKey } from "./assertion.ts";
import { Door } from "./door.ts";
import { followStream } from "./follow.ts";
import { sweepFinished } from "./janitor.ts";
import { type LockTiming, runLocked } from "./leadership.ts";
import type { ModeView } from "./mode.ts";
import { Replayer } from "./replayer.ts";
import type { KeyRing } from "./sealing.ts";
import { send } from "./send.ts";
import { WriteStore } from "./store.ts";
import { WriteIndex } from "./write-index.ts";

/** Streams of the queue: the writes, and the lock of who replays them. */
export const streams = { writes: "WRITES", lock: "REPLAY_LOCK" } as const;

/** What a queue is made of. */
export interface QueueDeps {
  readonly configuration: QueueConfiguration;
  readonly connection: NatsConnection;
  readonly keys: () => KeyRing;
  readonly signingKey: SigningKey;
  readonly mode: ModeView;
  readonly clock: Clock;
  readonly log: Log;
  /** This process, and no other that ever was. */
  readonly worker: string;
  readonly lockTiming?: LockTiming;
}

/** A running queue. */
export interface Queue {
  readonly door: Door;
  readonly store: WriteStore;
  readonly index: WriteIndex;
  /** Ends when the signal was aborted and nothing is under way any more. Rejects only by a bug. */
  readonly ended: Promise<void>;
}

/** Opens the store and begins to follow it; replays while this process holds the lock. Ends with the signal. */
export async function startQueue(deps: QueueDeps, signal: AbortSignal): Promise<Queue> {
  const { configuration, connection, keys, mode, clock, log, worker } = deps;
  const { nats, limits } = configuration;
  const store = await WriteStore.open(connection, {
    stream: streams.writes,
    replicas: nats.replicas,
    maxBytes: nats.maxBytes,
    keys,
  });
  const index = new WriteIndex();
  const following = followStream({ store, index, keys, clock, log }, signal);
  // Each time with another name: what this process was sending when it lost the lock is nobody's any more.
  const replayer = () => {
    const term = { worker: `${worker}/${randomUUID()}`, ageMs: limits.ageMs };
    return new Replayer({ store, index, mode, deliver: deliverer(deps), clock, log, ...term });
  };
  const lead = async (held: AbortSignal) => {
    await Promise.all([replayer().run(held), sweepFinished({ store, index, clock, log }, limits.ageMs, held)]);
  };
  const lock = { connection, stream: streams.lock, replicas: nats.replicas, holder: worker, clock, log };
  const timing = deps.lockTiming === undefined ? {} : { timing: deps.lockTiming };
  const leading = runLocked({ ...lock, ...timing }, lead, signal);
  const door = new Door({ configuration, store, index, mode, clock, log });
  return { door, store, index, ended: Promise.all([following, leading]).then(() => undefined) };
}

/** Sends a write to its component, as it is configured now. One that the spec no longer has takes no connection. */
function deliverer({
  configuration,
  signingKey,
  clock,
}: QueueDeps): ConstructorParameters<typeof Replayer>[0]["deliver"] {
  return async ({ write }, body, signal) => {
    const base = configuration.components[write.component];
    if (base === undefined) return { kind: "notSent" };
    return await send({ write, body, base, assertion: assertion(write, signingKey, clock.now()) }, clock, signal);
  };
}
