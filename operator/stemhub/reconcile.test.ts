import { describe, expect, test } from "vitest";
import { stemhubKind } from "../api/kinds.ts";
import { apiError } from "../runtime/errors.ts";
import { createRecorder } from "../runtime/events.ts";
import { silentLog } from "../runtime/log.ts";
import { createMetrics } from "../runtime/metrics.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { createCache } from "../runtime/watch-cache.ts";
import { readSettings } from "../settings.ts";
import { FakeClock, settle } from "../testing/clock.ts";
import { MemoryApiServer, type MemoryCall } from "../testing/memory-api.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { kinds, ownedKinds } from "./kinds.ts";
import { fieldManager } from "./metadata.ts";
import type { NodeWatch } from "./nodes/watch.ts";
import type { DatabaseWatch } from "./postgres/probe/watch.ts";
import { reconcileStemHub } from "./reconcile.ts";

const settings = readSettings(
  ["node", "operator", "--postgres-image=p", "--database-proxy-image=h", "--gateway-image=g"],
  {},
);

/** A new StemHub before an API server, and the operator that looks at it pass by pass. */
async function platform() {
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
  const databases: DatabaseWatch = {
    aim: () => undefined,
    forget: () => undefined,
    findingsOf: () => undefined,
    onNews: () => () => undefined,
  };
  const nodes: NodeWatch = { stateOf: () => "unknown", onChange: () => () => undefined };
  const { namespace = "", name } = stemhub.metadata;
  const pass = async () => {
    server.calls.length = 0;
    const deps = { ...shared, cache, settings, recorder, nodes, databases };
    const result = await reconcileStemHub({ namespace, name }, deps).catch((error: unknown) => error);
    await recorder.flush();
    return { result, writes: server.calls.filter(({ verb }) => !["get", "list", "watch"].includes(verb)) };
  };
  return { clock, server, pass, stop: () => stop.abort() };
}

/** One pass over a new StemHub, before an API server that refuses what `refuses` says. */
async function reconciled(refuses: (kind: string) => Error | undefined) {
  const { server, pass, stop } = await platform();
  server.fail = ({ verb, kind }) => (verb === "create" || verb === "apply" ? refuses(kind) : undefined);
  const { result, writes } = await pass();
  stop();
  return { result, written: writes.map(({ kind }) => kind) };
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

describe("given a StemHub whose certificates are due after 60 days", { timeout: 30_000 }, () => {
  const secretWrites = (writes: readonly MemoryCall[]) =>
    writes.filter(({ kind }) => kind === "Secret").map(({ verb, name }) => `${verb} ${name}`);

  test("when a pass finds them so, then these Secrets alone are patched, an event tells each, and the next finds nothing", async () => {
    const { clock, server, pass, stop } = await platform();
    await pass();
    clock.freeze(60 * 86_400_000);
    expect(secretWrites((await pass()).writes)).toEqual(["patch studio-db-tls", "patch studio-gateway-tls"]);
    const renewed = [...server.objects.values()].filter(({ reason }) => reason === "CertificateRenewed");
    expect(renewed.map(({ type }) => type)).toEqual(["Normal", "Normal"]);
    expect(secretWrites((await pass()).writes)).toEqual([]);
    stop();
  });

  test("when the API server refuses the patch, then all else is seen to, and it is tried again", async () => {
    const { clock, server, pass, stop } = await platform();
    await pass();
    clock.freeze(60 * 86_400_000);
    await server.client().delete(kinds.deployment, "music", "studio-gateway");
    await settle();
    server.fail = ({ verb, kind }) =>
      verb === "patch" && kind === "Secret"
        ? apiError({ status: 500, reason: "InternalError", message: "away" })
        : undefined;
    const { result, writes } = await pass();
    expect(result).toBeInstanceOf(Error);
    expect(writes.map(({ name }) => name)).toContain("studio-gateway");
    server.fail = () => undefined;
    expect(secretWrites((await pass()).writes)).toEqual(["patch studio-db-tls", "patch studio-gateway-tls"]);
    stop();
  });
});
