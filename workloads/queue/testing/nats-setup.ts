import { ensurePrograms } from "../../../e2e/cluster/local/programs.ts";
import { silentProgress } from "../../../e2e/progress.ts";

/** Builds nats-server where the cache has none yet, which no test has the time for. */
export default async function setup(): Promise<void> {
  await ensurePrograms(["nats-server"], silentProgress);
}
