import { describe, expect, test } from "vitest";
import { stemhubKind } from "../api/kinds.ts";
import type { StemHub } from "../api/stemhub.ts";
import { apiError } from "../runtime/errors.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { aClaim } from "../testing/claims.ts";
import { settle } from "../testing/clock.ts";
import type { MemoryApiServer, MemoryCall } from "../testing/memory-api.ts";
import { platform } from "../testing/platform.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { kinds } from "./kinds.ts";

/** One pass over a StemHub, before an API server that has `existing` and refuses what `refuses` says. */
async function reconciled(
  refuses: (kind: string) => Error | undefined,
  stemhub = aStemHub(),
  existing: readonly KubeObject[] = [],
) {
  const { server, pass, stop } = await platform(stemhub, existing);
  server.fail = ({ verb, kind }) => (["create", "apply", "patch"].includes(verb) ? refuses(kind) : undefined);
  const { result, writes } = await pass();
  const { namespace, name } = stemhub.metadata;
  const { status } = (await server.client().get(stemhubKind, namespace, name)) as unknown as StemHub;
  stop();
  return { result, written: writes.map(({ kind }) => kind), status };
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

test("given volumes that may not grow, then only a person can mend it, nothing else waits, and it is looked at again", async () => {
  const larger = aStemHub({ database: { storage: { size: "20Gi" } } });
  const claims = [aClaim(0), aClaim(1), aClaim(2)];
  const { result, written, status } = await reconciled(
    (kind) => (kind === "PersistentVolumeClaim" ? forbidden([]) : undefined),
    larger,
    claims,
  );
  expect(status?.conditions?.find(({ type }) => type === "Stalled")).toMatchObject({ reason: "VolumeNotExpandable" });
  expect(status?.database?.volumeSize).toBe("10Gi");
  expect(written.filter((kind) => kind === "PersistentVolumeClaim")).toHaveLength(3);
  expect(written).toContain("Deployment");
  expect(result).toEqual({ requeueAfterMs: 60_000 });
});

describe("given a StemHub that is being made", { timeout: 30_000 }, () => {
  const documentOf = (server: MemoryApiServer) => {
    const configMap = [...server.objects.values()].find(({ metadata }) => metadata.name === "studio-mode");
    return JSON.parse((configMap?.data as Record<string, string> | undefined)?.["mode.json"] ?? "");
  };
  const statusOf = async (server: MemoryApiServer) =>
    ((await server.client().get(stemhubKind, "music", "studio")) as unknown as StemHub).status?.modes;

  test("when a pass is done, then its mode is published and in the status, and the next pass writes nothing", async () => {
    const { server, pass, stop } = await platform();
    await pass();
    expect(documentOf(server)).toMatchObject({ mode: "Unavailable", stemhub: "studio" });
    expect(await statusOf(server)).toMatchObject({
      mode: "Unavailable",
      summary: "database Unavailable (Starting)",
      epoch: documentOf(server).epoch,
    });
    expect((await pass()).writes.map(({ name }) => name)).toEqual([]);
    stop();
  });

  test("when somebody sets a mode for a minute, then it is that, PostgreSQL is told, and it ends by itself", async () => {
    const expires = new Date(Date.UTC(2026, 0, 1) + 60_000).toISOString();
    const { clock, server, modes, pass, stop } = await platform(
      aStemHub({ modes: { override: { mode: "Normal", reason: "a test", expires } } }),
    );
    await pass();
    expect(documentOf(server)).toMatchObject({ mode: "Normal", override: { mode: "Normal", reason: "a test" } });
    const { epoch } = documentOf(server);
    const due: string[] = [];
    modes.watch.onNews(({ name }) => due.push(name));
    await clock.advance(60_000);
    expect(due).toEqual(["studio"]);
    await pass();
    expect(documentOf(server)).toMatchObject({ mode: "Unavailable", epoch: epoch + 1 });
    expect(documentOf(server).override).toBeUndefined();
    const events = [...server.objects.values()].filter(({ reason }) => reason === "ModeWorse");
    expect(events.map(({ note }) => note)).toEqual(["database was Normal and is Unavailable (Starting)."]);
    stop();
  });

  test("when its ConfigMap is taken away, then it is published again with the same epoch", async () => {
    const { server, pass, stop } = await platform();
    await pass();
    const before = documentOf(server);
    await server.client().delete(kinds.configMap, "music", "studio-mode");
    await settle();
    await pass();
    expect(documentOf(server)).toEqual(before);
    stop();
  });

  test("when keys were fetched, then they are beside the mode, and a leader that has fetched none leaves them", async () => {
    const source = "https://id.example/k";
    const { server, fetched, pass, stop } = await platform(aStemHub({ auth: { issuer: "i", jwks: { url: source } } }));
    const keys = [{ kty: "RSA", n: "AQAB", e: "AQAB" }];
    const published = () =>
      [...server.objects.values()].find(({ metadata }) => metadata.name === "studio-mode")?.data as {
        "jwks.json": string;
      };
    fetched.documents = { keys: { source, atMs: Date.UTC(2026, 0, 1), content: keys } };
    await pass();
    expect(JSON.parse(published()["jwks.json"])).toEqual({ source, fetched: "2026-01-01T00:00:00.000Z", keys });
    fetched.documents = {};
    await settle();
    expect((await pass()).writes.map(({ name }) => name)).not.toContain("studio-mode");
    expect(JSON.parse(published()["jwks.json"]).keys).toEqual(keys);
    stop();
  });
});

describe("given a StemHub with a write queue", { timeout: 30_000 }, () => {
  const studio = () => aStemHub({ queue: {} });
  const statusOf = async (server: MemoryApiServer) =>
    ((await server.client().get(stemhubKind, "music", "studio")) as unknown as StemHub).status?.queue;
  const summary = { queued: 7, aggregates: 3, inFlight: 1, deadLetters: 2, oldestSeconds: 40 };

  test("when it has dead letters, then status and one event say so, and the next pass writes nothing", async () => {
    const { server, queue, pass, stop } = await platform(studio());
    await pass();
    queue.summary = summary;
    await pass();
    expect(await statusOf(server)).toEqual({
      pending: 7,
      deadLetters: 2,
      oldest: "2025-12-31T23:59:20.000Z",
      asOf: "2026-01-01T00:00:00.000Z",
    });
    const events = [...server.objects.values()].filter(({ reason }) => reason === "DeadLetters");
    expect(events.map(({ note }) => note)).toEqual([
      "2 queued writes were not applied, 2 in all wait for a person. List them: kubectl -n music exec " +
        "deploy/studio-queue -- node main.ts dead-letters list. Then, by their ids: kubectl -n music exec " +
        "deploy/studio-queue -- node main.ts dead-letters retry ID..., or for good: kubectl -n music exec " +
        "deploy/studio-queue -- node main.ts dead-letters drop ID...",
    ]);
    await settle();
    expect((await pass()).writes).toEqual([]);
    stop();
  });

  test("when it does not answer, then what it said last stays in the status", async () => {
    const { server, queue, pass, stop } = await platform(studio());
    await pass();
    queue.summary = summary;
    await pass();
    queue.summary = undefined;
    await pass();
    expect(await statusOf(server)).toMatchObject({ pending: 7, deadLetters: 2 });
    stop();
  });
});
