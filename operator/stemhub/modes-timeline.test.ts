import { afterEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../runtime/objects.ts";
import { settle } from "../testing/clock.ts";
import { platform } from "../testing/platform.ts";
import { aPod } from "../testing/pods.ts";
import { aStemHub } from "../testing/stemhub.ts";
import { kinds } from "./kinds.ts";
import { childLabels } from "./metadata.ts";
import { liftMs } from "./modes/causes.ts";
import { patroniLabels } from "./postgres/patroni.ts";
import { heartbeat } from "./postgres/probe/facts.ts";

/** Members of `studio`, whose PostgreSQL does as the test says. Where it lies: nothing but writes is answered. */
class Members {
  readonly hanging = new Set<string>();
  readonly refusing = new Set<string>();
  readonly unreachable = new Set<string>();
  readonly open = async ({ ip }: { ip: string }) => {
    if (this.refusing.has(ip)) throw Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const session = { open: true };
    return {
      get open() {
        return session.open;
      },
      query: async (statement: string) => {
        if (statement !== heartbeat) throw new Error("not asked here");
        while (this.hanging.has(ip) || this.unreachable.has(ip)) await new Promise(() => undefined);
        return [];
      },
      close: () => {
        session.open = false;
      },
    };
  };
  readonly reaches = async (ip: string) => !this.unreachable.has(ip);
}

const memberPod = (ordinal: number, primary: number): KubeObject => {
  const role = { [patroniLabels.role]: ordinal === primary ? patroniLabels.primary : patroniLabels.replica };
  const pod = aPod({ name: `studio-db-${ordinal}`, labels: { ...childLabels("studio", "database"), ...role } });
  return {
    ...pod,
    metadata: { ...pod.metadata, uid: `uid-${ordinal}` },
    status: { ...(pod.status as object), podIP: `10.0.0.${ordinal}` },
  };
};
const store = (part: string, annotations: Record<string, string>): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: `studio-db-${part}`, namespace: "music", labels: childLabels("studio", "database"), annotations },
});

let end: () => void = () => undefined;
afterEach(() => end());

/** A StemHub that works, whose passes come with news and when they are due, as the operator's queue has them. */
async function working(instances = 3, spec = {}) {
  const members = new Members();
  const ordinals = Array.from({ length: instances }, (_, ordinal) => ordinal);
  const names = ordinals.map((ordinal) => `studio-db-${ordinal}`);
  const existing = [
    ...ordinals.map((ordinal) => memberPod(ordinal, 0)),
    store("leader", { leader: "studio-db-0" }),
    store("sync", { sync_standby: names.slice(1).join(",") }),
    store("config", { initialize: "7" }),
  ];
  const stemhub = aStemHub({ database: { instances }, modes: spec });
  const { clock, server, databases, modes, pass, stop } = await platform(stemhub, existing, members);
  end = stop;
  let dueMs = 0;
  const isDue = () => {
    dueMs = clock.monotonic();
  };
  databases.onNews(isDue);
  modes.watch.onNews(isDue);
  const run = async (ms: number) => {
    for (const until = clock.monotonic() + ms; clock.monotonic() < until; ) {
      await clock.advance(50);
      if (clock.monotonic() < dueMs) continue;
      const { result, writes } = await pass();
      if (result instanceof Error) throw result;
      const { requeueAfterMs = Number.POSITIVE_INFINITY } = result as { requeueAfterMs?: number };
      // What a pass writes is seen by the watches, and leads to the next one.
      dueMs = clock.monotonic() + (writes.length > 0 ? 0 : requeueAfterMs);
    }
  };
  const document = () => {
    const configMap = [...server.objects.values()].find(({ metadata }) => metadata.name === "studio-mode");
    return JSON.parse((configMap?.data as Record<string, string> | undefined)?.["mode.json"] ?? "{}");
  };
  /** What Patroni and kubelet tell from now on. */
  const tell = async (primary: number | undefined, gone: readonly number[] = []) => {
    const api = server.client();
    const leader = { metadata: { annotations: { leader: primary === undefined ? "" : `studio-db-${primary}` } } };
    await api.patch(kinds.configMap, "music", "studio-db-leader", leader, { type: "merge" });
    for (const ordinal of ordinals) {
      const { metadata, status } = memberPod(ordinal, primary ?? -1);
      const ready = { conditions: [{ type: "Ready", status: gone.includes(ordinal) ? "False" : "True" }] };
      const body = { metadata: { labels: metadata.labels }, status: { ...(status as object), ...ready } };
      await api.patch(kinds.pod, "music", metadata.name, body, { type: "merge" });
    }
    await settle();
    dueMs = clock.monotonic();
  };
  const untilMode = async (mode: string, mostMs: number) => {
    const began = clock.monotonic();
    while (document().mode !== mode && clock.monotonic() - began < mostMs) await run(50);
    return clock.monotonic() - began;
  };
  await run(5_000);
  const isReadOnly = () => {
    const config = [...server.objects.values()].find(({ metadata }) => metadata.name === "studio-db-config");
    return JSON.stringify(config).includes("default_transaction_read_only");
  };
  return { clock, members, run, tell, document, untilMode, isReadOnly };
}

describe("given a database that works", { timeout: 30_000 }, () => {
  test("when nothing happens for a minute, then it is Normal all the time", async () => {
    const { run, document } = await working();
    const before = document();
    await run(60_000);
    expect([before.mode, document()]).toEqual(["Normal", before]);
  });

  test.each<[string, (members: Members) => void, string]>([
    ["its primary hangs", (members) => members.hanging.add("10.0.0.0"), "WriteUnanswered"],
    ["its primary's node is lost", (members) => members.unreachable.add("10.0.0.0"), "WriteUnanswered"],
  ])(
    "when %s, then that is published within 2.6 s, and Normal with the first write of another primary",
    async (_, happens, reason) => {
      const { members, tell, document, untilMode } = await working();
      happens(members);
      expect(await untilMode("ReadOnly", 10_000)).toBeLessThanOrEqual(2_600);
      expect(document().capabilities.database).toMatchObject({ reason, mode: "ReadOnly" });
      await tell(1, [0]);
      expect(await untilMode("Normal", 10_000)).toBeLessThanOrEqual(1_200);
    },
  );

  test("when its only member goes, then that is published within 3 s", async () => {
    const { members, tell, document, untilMode } = await working(1);
    members.refusing.add("10.0.0.0");
    members.hanging.add("10.0.0.0");
    await tell(undefined, [0]);
    expect(await untilMode("ReadOnly", 10_000)).toBeLessThanOrEqual(2_700);
    expect(document().capabilities.database.reason).toBe("PrimaryLost");
  });

  test("when a failover takes three seconds, then nothing is said", async () => {
    const { members, run, tell, document } = await working();
    const before = document();
    members.hanging.add("10.0.0.0");
    members.refusing.add("10.0.0.0");
    await run(500);
    await tell(undefined, [0]);
    await run(2_500);
    await tell(1, [0]);
    await run(20_000);
    expect(document()).toEqual(before);
  });

  test("when a failover takes eight, then it is read-only in between, and returns at once", async () => {
    const { members, run, tell, untilMode } = await working();
    members.hanging.add("10.0.0.0");
    members.refusing.add("10.0.0.0");
    await run(500);
    await tell(undefined, [0]);
    expect(await untilMode("ReadOnly", 10_000)).toBeLessThanOrEqual(4_700);
    await run(2_000);
    await tell(1, [0]);
    expect(await untilMode("Normal", 10_000)).toBeLessThanOrEqual(1_200);
  });

  test("when somebody chooses ReadOnly, then PostgreSQL is so too, and takes writes again before users are told", async () => {
    const expires = new Date(Date.UTC(2026, 0, 1) + 30_000).toISOString();
    const { run, document, isReadOnly } = await working(3, {
      override: { mode: "ReadOnly", reason: "a move", expires },
    });
    expect([document().mode, isReadOnly()]).toEqual(["ReadOnly", true]);
    await run(25_100);
    expect([document().mode, document().capabilities.database.reason]).toEqual(["ReadOnly", "WritesReturning"]);
    expect([document().override, isReadOnly()]).toEqual([undefined, false]);
    await run(liftMs);
    expect(document().mode).toBe("Normal");
  });
});
