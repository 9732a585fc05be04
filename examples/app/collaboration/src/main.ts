import { log } from "./log.ts";
import { startCollaboration } from "./server.ts";

function required(name: string): string {
  const value = process.env[name];
  if (value) return value;
  log(`${name} is not set`);
  process.exit(1);
}

/** Below a pod's usual 30 s from SIGTERM to SIGKILL. */
const closeDeadlineMs = 20_000;

const service = await startCollaboration({
  port: Number(process.env.PORT || 8080),
  api: required("API_URL"),
  folder: required("NOTES_FOLDER"),
});
log("serving", { port: service.port });

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    log("ending", { reason: signal });
    setTimeout(() => process.exit(1), closeDeadlineMs).unref();
    void service.close().then(() => process.exit(0));
  });
}
