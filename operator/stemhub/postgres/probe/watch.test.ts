import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../../runtime/log.ts";
import { FakeClock } from "../../../testing/clock.ts";
import { archiveQuery } from "./archive.ts";
import type { ProbedMember, ProbeTarget } from "./database-probe.ts";
import { databaseQuery, heartbeat, memberQuery } from "./facts.ts";
import type { Row, Session } from "./session.ts";
import { watchDatabases } from "./watch.ts";

const key = { namespace: "music", name: "studio" };
const bounds = {
  volumePercents: [80, 90],
  connectionPercents: [90],
  transactionSeconds: 900,
  silenceMs: [2_500],
  archiveLagSeconds: [],
};
const member = (ordinal: number): ProbedMember => ({
  pod: `studio-db-${ordinal}`,
  uid: `uid-${ordinal}`,
  address: { ip: `10.0.0.${ordinal}`, port: 5432, host: `studio-db-${ordinal}`, authority: "ca" },
});
const target = (primary = 0, { archives = false } = {}): ProbeTarget => ({
  primary: member(primary),
  members: [member(0), member(1)],
  login: { user: "stemhub_probe", password: "secret" },
  archives,
});

/**
 * Members that answer as the test says. Where it lies: a session is a function call, so nothing is ever half sent, and a
 * write that hangs is let go of without PostgreSQL's own books. The real thing is asked by e2e database-strain.
 */
class Members {
  readonly hanging = new Set<string>();
  readonly refusing = new Map<string, string>();
  unreachable = false;
  archives = false;
  archiveLag = 0;
  usedPercent = 40;
  readonly sessions: { readonly ip: string; open: boolean; writes: number }[] = [];
  /** Writes under way, by address: never more than one, or connections would pile up. */
  readonly writing = new Map<string, number>();

  readonly open = async ({ ip }: { ip: string }): Promise<Session> => {
    const code = this.refusing.get(ip);
    if (code) throw Object.assign(new Error("refused"), { code });
    const session = { ip, open: true, writes: 0 };
    this.sessions.push(session);
    return {
      get open() {
        return session.open;
      },
      close: () => {
        session.open = false;
      },
      query: (statement) => this.#answer(ip, statement),
    };
  };
  readonly reaches = async () => !this.unreachable;

  async #answer(ip: string, statement: string): Promise<readonly Row[]> {
    if (statement === heartbeat) {
      const under = (this.writing.get(ip) ?? 0) + 1;
      if (under > 1) throw new Error("two writes at once");
      this.writing.set(ip, under);
    }
    if (this.hanging.has(ip) || (this.hanging.has(`${ip} writes`) && statement === heartbeat))
      await new Promise(() => undefined);
    if (statement === heartbeat) this.writing.set(ip, 0);
    if (statement === memberQuery) {
      const replayed = ip === "10.0.0.0" ? null : String(3 * 2 ** 24);
      // A fifth of the disk is kept back for root.
      const available = 800 - this.usedPercent * 8;
      return [{ blocks: "1000", free_blocks: `${available + 200}`, available_blocks: `${available}`, replayed }];
    }
    if (statement === archiveQuery) {
      if (!this.archives) throw new Error("asked about an archive that there is not");
      return [
        { mode: "on", failing: false, last: null, waiting: "0", oldest: null, lag: this.archiveLag, report: null },
      ];
    }
    if (statement === databaseQuery)
      return [{ used: "3", most: 194, oldest: null, oldest_wal: "0000000100000002", standbys: ["studio-db-1"] }];
    return [];
  }
}

let stop = new AbortController();
afterEach(() => stop.abort());

function watching(given: (members: Members) => void = () => undefined) {
  stop = new AbortController();
  const [clock, members] = [new FakeClock(), new Members()];
  given(members);
  const network = { open: members.open, reaches: members.reaches };
  const watch = watchDatabases({ clock, log: silentLog, signal: stop.signal, random: () => 0.5, network });
  const news: string[] = [];
  watch.onNews(({ name }) => news.push(name));
  watch.aim(key, target(), bounds);
  const writes = () => watch.findingsOf(key)?.writes;
  return { clock, members, watch, news, writes };
}

describe("given a database whose WAL is archived", () => {
  test("then it is asked about that, until it is no more", async () => {
    const { clock, members, watch, news } = watching();
    await clock.advance(1);
    expect(watch.findingsOf(key)?.archive).toBeUndefined();
    members.archives = true;
    watch.aim(key, target(0, { archives: true }), { ...bounds, archiveLagSeconds: [90] });
    await clock.advance(15_000);
    expect(watch.findingsOf(key)?.archive).toMatchObject({ on: true, lagSeconds: 0 });
    const before = news.length;
    members.archiveLag = 95;
    await clock.advance(15_000);
    expect(news.length - before).toBe(1);
    members.archives = false;
    watch.aim(key, target(), bounds);
    expect(watch.findingsOf(key)?.archive).toBeUndefined();
  });
});

describe("given a database that works", () => {
  test("then its writes are answered, and its volumes and connections known", async () => {
    const { clock, watch } = watching();
    await clock.advance(1);
    expect(watch.findingsOf(key)).toEqual({
      primary: "studio-db-0",
      writes: { state: "answered" },
      members: {
        "studio-db-0": { volumeUsedPercent: 40, replayedBytes: undefined },
        "studio-db-1": { volumeUsedPercent: 40, replayedBytes: 3 * 2 ** 24 },
      },
      database: {
        connections: { used: 3, most: 194 },
        oldestTransaction: undefined,
        oldestWalBytes: 2 ** 32 + 2 * 2 ** 24,
        standbys: ["studio-db-1"],
      },
    });
  });

  test("then there is news at the beginning, and none while nothing happens", async () => {
    const { clock, news } = watching();
    await clock.advance(5_000);
    const before = news.length;
    await clock.advance(120_000);
    expect([before > 0, news.length - before]).toEqual([true, 0]);
  });

  test("then it is asked by three sessions that are kept", async () => {
    const { clock, members } = watching();
    await clock.advance(60_000);
    expect(members.sessions).toHaveLength(3);
  });

  test("when its volume fills, then there is news", async () => {
    const { clock, members, news } = watching();
    await clock.advance(10_000);
    news.length = 0;
    members.usedPercent = 85;
    await clock.advance(12_000);
    expect(news).toEqual(["studio"]);
  });
});

describe("given a primary", () => {
  test("when its writes hang, then that is found within ten seconds, and they are never joined by others", async () => {
    const { clock, members, news, writes } = watching();
    await clock.advance(10_000);
    news.length = 0;
    members.hanging.add("10.0.0.0 writes");
    await clock.advance(10_000);
    expect(writes()).toMatchObject({ state: "unanswered", reads: true });
    expect(news.length).toBeGreaterThan(0);
    await clock.advance(600_000);
    expect(members.writing.get("10.0.0.0")).toBe(1);
    expect(members.sessions.length).toBeLessThan(6);
  });

  test("when it hangs altogether, then its reads are told to hang too", async () => {
    const { clock, members, writes } = watching();
    await clock.advance(10_000);
    members.hanging.add("10.0.0.0");
    await clock.advance(15_000);
    expect(writes()).toMatchObject({ state: "unanswered", reads: false });
  });

  test("when nobody reaches it, then nothing is said of it", async () => {
    const { clock, members, writes } = watching();
    await clock.advance(10_000);
    members.hanging.add("10.0.0.0");
    members.unreachable = true;
    await clock.advance(30_000);
    expect(writes()).toMatchObject({ state: "unknown", why: "its pod gives the operator no connection" });
  });

  test("when the probe's password is wrong, then nothing is said of it", async () => {
    const { clock, writes } = watching((members) => members.refusing.set("10.0.0.0", "28P01"));
    await clock.advance(30_000);
    expect(writes()).toMatchObject({ state: "unknown", why: "PostgreSQL says: refused" });
  });

  test("when another is primary, then that one is asked, and the former's silence is forgotten", async () => {
    const { clock, members, watch, writes } = watching();
    members.hanging.add("10.0.0.0");
    await clock.advance(20_000);
    watch.aim(key, target(1), bounds);
    await clock.advance(4_000);
    expect(writes()).toEqual({ state: "answered" });
    expect(members.sessions.filter(({ ip, open }) => ip === "10.0.0.0" && open).length).toBeLessThan(2);
  });
});

describe("given a primary whose writes are told when they are silent for 2.5 s", () => {
  const told = async (break_: (members: Members) => void) => {
    const { clock, members, watch, news } = watching();
    await clock.advance(10_000);
    news.length = 0;
    break_(members);
    let ms = 0;
    while (!news.length && ms < 10_000) {
      await clock.advance(100);
      ms += 100;
    }
    return { ms, signs: watch.writesOf(key) };
  };

  test("when its writes hang, then that is news in time, with the reason", async () => {
    const { ms, signs } = await told((members) => members.hanging.add("10.0.0.0 writes"));
    expect(ms).toBeLessThanOrEqual(2_500);
    expect(signs).toMatchObject({ trouble: "silent", answered: true });
  });

  test("when nobody reaches it, then that is known by then", async () => {
    const { ms, signs } = await told((members) => {
      members.hanging.add("10.0.0.0");
      members.unreachable = true;
    });
    expect(ms).toBeLessThanOrEqual(2_500);
    expect(signs).toMatchObject({ trouble: "unreachable" });
  });

  test("when the operator stood still, then that is not the database's silence", async () => {
    const { clock, watch, news } = watching();
    await clock.advance(10_000);
    news.length = 0;
    clock.freeze(8_000);
    await clock.advance(0);
    await clock.advance(500);
    expect([news, (watch.writesOf(key)?.silentMs ?? 9_000) < 2_500]).toEqual([[], true]);
  });

  test("when there is no primary for a while and then another, then the silence goes on until that one answers", async () => {
    const { clock, members, watch } = watching();
    await clock.advance(10_000);
    expect(watch.writesOf(key)).toMatchObject({ answered: true, trouble: undefined, answeringForMs: 10_000 });
    watch.rest(key);
    await clock.advance(3_000);
    members.hanging.add("10.0.0.1 writes");
    watch.aim(key, target(1), bounds);
    await clock.advance(3_000);
    expect(watch.writesOf(key)?.silentMs).toBeGreaterThanOrEqual(6_000);
    expect(watch.writesOf(key)).toMatchObject({ answered: false, begun: true });
    watch.rest(key);
    members.hanging.clear();
    watch.aim(key, target(0), bounds);
    await clock.advance(1_500);
    expect(watch.writesOf(key)?.silentMs).toBeLessThan(1_500);
    expect(watch.writesOf(key)?.answeringForMs).toBeLessThanOrEqual(1_500);
  });
});

test("when a StemHub is forgotten, then its sessions are closed and nothing is known of it", async () => {
  const { clock, members, watch } = watching();
  await clock.advance(10_000);
  watch.forget(key);
  await clock.advance(10_000);
  expect([watch.findingsOf(key), watch.writesOf(key)]).toEqual([undefined, undefined]);
  expect(clock.timers).toBe(0);
  expect(members.sessions.filter(({ open }) => open)).toEqual([]);
});
