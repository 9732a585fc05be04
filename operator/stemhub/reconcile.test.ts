import { describe, expect, test } from "vitest";
import { stemhubKind } from "../api/kinds.ts";
import { apiError } from "../runtime/errors.ts";
import { createRecorder } from "../runtime/events.ts";
import { silentLog } from "../runtime/log.ts";
import { createMetrics } from "../runtime/metrics.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { createCache } from "../runtime/watch-cache.ts";
import { readSettings } from "../settings.ts";
import { FakeClock } from "../testing/clock.ts";
import { MemoryApiServer } from "../testing/memory-api.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { ownedKinds } from "./kinds.ts";
import { fieldManager } from "./metadata.ts";
import type { NodeWatch } from "./nodes/watch.ts";
import type { DatabaseWatch } from "./postgres/probe/watch.ts";
import { reconcileStemHub } from "./reconcile.ts";

const settings = readSettings(
  ["node", "operator", "--postgres-image=p", "--database-proxy-image=h", "--gateway-image=g"],
  {},
);

/** One pass over a new StemHub, before an API server that refuses what `refuses` says. */
async function reconciled(refuses: (kind: string) => Error | undefined) {
  const [clock, server, stop] = [new FakeClock(), new MemoryApiServer(), new AbortController()];
  const shared = { api: server.client(), clock, log: silentLog, signal: stop.signal };
  const stemhub = aStemHub();
  await shared.api.create(stemhub as unknown as KubeObject);
  const cache = createCache({
    ...shared,
    clusterWide: [{ kind: stemhubKind }],
    perNamespace: ownedKinds.map(({ kind }) => ({ kind })),
    fieldManager,
  });
  cache.start();
  await cache.ready();
  const recorder = createRecorder({ ...shared, metrics: createMetrics(), reportingController: fieldManager });
  server.fail = ({ verb, kind }) => (verb === "create" || verb === "apply" ? refuses(kind) : undefined);
  const databases: DatabaseWatch = {
    aim: () => undefined,
    forget: () => undefined,
    findingsOf: () => undefined,
    onNews: () => () => undefined,
  };
  const nodes: NodeWatch = { stateOf: () => "unknown", onChange: () => () => undefined };
  server.calls.length = 0;
  const { namespace = "", name } = stemhub.metadata;
  const result = await reconcileStemHub(
    { namespace, name },
    { ...shared, cache, settings, recorder, nodes, databases },
  ).catch((error: unknown) => error);
  await recorder.flush();
  stop.abort();
  const written = server.calls.filter(({ verb }) => !["get", "list", "watch"].includes(verb)).map(({ kind }) => kind);
  return { result, written };
}

const forbidden = (causes: readonly string[]) =>
  apiError({ status: 403, reason: "Forbidden", message: "secrets is forbidden", causes });

describe("given an API server that refuses the first Secret", () => {
  test("because the namespace ends, then nothing more is tried and nobody is told", async () => {
    const { result, written } = await reconciled((kind) =>
      kind === "Secret" ? forbidden(["NamespaceTerminating"]) : undefined,
    );
    expect(result).toEqual({ requeueAfterMs: 30_000 });
    expect(written.filter((kind) => kind !== "StemHub")).toEqual(["Secret"]);
  });

  test("because a right is missing, then the status and an event say so, and it is tried again", async () => {
    const { result, written } = await reconciled((kind) => (kind === "Secret" ? forbidden([]) : undefined));
    expect(result).toBeInstanceOf(Error);
    expect(written).toContain("Event");
    expect(written.at(-1)).toBe("Event");
  });
});
