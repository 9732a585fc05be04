import { pino } from "pino";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { connect } from "../../../operator/runtime/connect.ts";
import { ModeEvents } from "./events.ts";
import { Latest } from "./latest.ts";
import { feedNginx } from "./nginx-feed.ts";
import { readCopy, watchMode } from "./source.ts";

/** Wires the mode-agent together. The only place that reads environment and signals. */
async function main(): Promise<void> {
  // When the image is built: loaded, and so compiled, and ended.
  if (process.argv.includes("--version")) return;
  const { POD_NAMESPACE: namespace, MODE_CONFIGMAP: name, MODE_COPY: copy, SOCKETS: sockets } = process.env;
  if (!namespace || !name || !copy || !sockets) {
    throw new Error("POD_NAMESPACE, MODE_CONFIGMAP, MODE_COPY and SOCKETS must be set");
  }
  const log = pino({ level: process.env.LOG_LEVEL ?? "info", base: {}, timestamp: pino.stdTimeFunctions.isoTime });
  const clock = systemClock;
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      log.info({ reason: signal }, "stopping");
      stop.abort();
    });
  }
  const { signal } = stop;
  const latest = new Latest(log);
  await readCopy(copy, latest);
  const events = new ModeEvents(clock, latest);
  await events.listen(`${sockets}/agent.sock`);
  const api = await connect({ fieldManager: "stemhub-mode-agent" });
  await Promise.all([
    watchMode({ api, clock, log, signal }, { namespace, name }, latest),
    feedNginx({ clock, log, signal }, `${sockets}/nginx.sock`, latest),
  ]);
  await events.close();
  log.info({}, "stopped");
}

await main();
