import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connect } from "@nats-io/transport-node";
import type { QueueConfiguration } from "../../../operator/api/queue-configuration.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { silentLog } from "../../../operator/runtime/log.ts";
import { readSigningKey } from "../assertion.ts";
import { ModeView } from "../mode.ts";
import { startQueue } from "../queue.ts";
import { readKeyRing } from "../sealing.ts";
import { modeData, quickLock } from "./queue.ts";

/** What a worker in a process of its own is told. */
export interface WorkerOrder {
  readonly configuration: QueueConfiguration;
  /** keys.json */
  readonly keys: string;
  readonly signingKey: string;
}

/** A queue in a process of its own, with the database back: it can be killed at any moment. */
export class WorkerProcess {
  readonly #child: ChildProcess;

  constructor(order: WorkerOrder) {
    const env = { ...process.env, QUEUE_WORKER: JSON.stringify(order) };
    this.#child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}

if (process.env.QUEUE_WORKER) {
  const { configuration, keys, signingKey } = JSON.parse(process.env.QUEUE_WORKER) as WorkerOrder;
  const mode = new ModeView();
  mode.take(modeData("Normal"));
  const ring = readKeyRing(keys);
  const { ended } = await startQueue(
    {
      configuration,
      connection: await connect({
        servers: configuration.nats.servers,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 100,
      }),
      keys: () => ring,
      signingKey: readSigningKey(signingKey),
      mode,
      clock: systemClock,
      log: silentLog,
      worker: `process ${process.pid}`,
      lockTiming: quickLock,
    },
    new AbortController().signal,
  );
  await ended;
}
