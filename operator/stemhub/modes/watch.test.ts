import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../runtime/log.ts";
import { FakeClock } from "../../testing/clock.ts";
import { mostAtOnce, type ProbeAim, watchModes } from "./watch.ts";

let stop = new AbortController();
afterEach(() => stop.abort());

const studio = { namespace: "music", name: "studio" };

/** A service that answers as the test says, and a watch that asks it. */
function watching() {
  stop = new AbortController();
  const clock = new FakeClock();
  const service = {
    trouble: undefined as string | undefined,
    hangs: false,
    asked: 0,
    inside: 0,
    most: 0,
    closed: 0,
    busyness: 0,
  };
  const waits: number[] = [];
  const watch = watchModes({
    clock,
    log: silentLog,
    signal: stop.signal,
    random: () => 0.5,
    busyness: () => service.busyness,
    measured: (_, __, waited) => waits.push(waited),
  });
  const news: string[] = [];
  watch.onNews(({ name }) => news.push(name));
  const aim = (more: Partial<ProbeAim> = {}): ProbeAim => ({
    probe: "auth",
    about: "http://auth",
    periodMs: 10_000,
    timeoutMs: 2_000,
    failures: 3,
    open: () => ({
      ask: async (timeoutMs, signal) => {
        service.asked += 1;
        service.inside += 1;
        service.most = Math.max(service.most, service.inside);
        if (service.hangs) await clock.sleep(timeoutMs, signal).catch(() => undefined);
        service.inside -= 1;
        return [{ question: "auth", trouble: service.hangs ? "no answer" : service.trouble }];
      },
      close: () => {
        service.closed += 1;
      },
    }),
    ...more,
  });
  return { clock, service, watch, news, waits, aim, evidence: () => watch.evidenceOf(studio, "auth") };
}

describe("given a service that is asked every ten seconds", () => {
  test("when it answers, then it is asked no more often, and that is news once", async () => {
    const { clock, service, watch, news, aim, evidence } = watching();
    watch.aim(studio, [aim()]);
    await clock.advance(60_000);
    expect([service.asked, news.length, evidence().state]).toEqual([6, 1, "ok"]);
  });

  test("when it fails, then it is asked each second, and the third failure is news", async () => {
    const { clock, service, watch, news, aim, evidence } = watching();
    watch.aim(studio, [aim()]);
    await clock.advance(5_000);
    news.length = 0;
    service.trouble = "answers 500";
    await clock.advance(7_000);
    expect(news).toEqual([]);
    await clock.advance(1_000);
    expect(news).toEqual(["studio"]);
    expect(evidence()).toMatchObject({ state: "failing", failures: 3, detail: "answers 500" });
  });

  test("when it has failed for more than a minute, then it is asked less often again", async () => {
    const { clock, service, watch, aim } = watching();
    service.trouble = "answers 500";
    watch.aim(studio, [aim()]);
    await clock.advance(70_000);
    service.asked = 0;
    await clock.advance(60_000);
    expect(service.asked).toBe(12);
  });

  test("when it answers again, then that is news at once", async () => {
    const { clock, service, watch, news, aim, evidence } = watching();
    service.trouble = "answers 500";
    watch.aim(studio, [aim()]);
    await clock.advance(20_000);
    news.length = 0;
    service.trouble = undefined;
    await clock.advance(1_000);
    expect([news, evidence().state]).toEqual([["studio"], "ok"]);
  });

  test("when the operator is busy, then it is asked less often while it is well, and as often when it is in doubt", async () => {
    const { clock, service, watch, aim } = watching();
    service.busyness = 0.8;
    watch.aim(studio, [aim()]);
    await clock.advance(121_000);
    expect(service.asked).toBe(4);
    service.trouble = "answers 500";
    await clock.advance(40_000);
    service.asked = 0;
    await clock.advance(10_000);
    expect(service.asked).toBe(10);
  });

  test("when somebody must know now, then it is asked at once, and goes on as before", async () => {
    const { clock, service, watch, aim } = watching();
    watch.aim(studio, [aim()]);
    await clock.advance(3_000);
    watch.hurry(studio, "auth");
    await clock.advance(1);
    expect(service.asked).toBe(2);
    await clock.advance(9_990);
    expect(service.asked).toBe(2);
    await clock.advance(10);
    expect(service.asked).toBe(3);
  });

  test("when its address changes, then what was learned is kept, and the former one asked no more", async () => {
    const { clock, service, watch, aim, evidence } = watching();
    service.trouble = "answers 500";
    watch.aim(studio, [aim()]);
    await clock.advance(10_000);
    watch.aim(studio, [aim()]);
    expect(service.closed).toBe(0);
    watch.aim(studio, [aim({ about: "http://another" })]);
    expect(evidence()).toMatchObject({ state: "failing" });
    await clock.advance(100);
    expect(service.closed).toBe(1);
  });

  test("when its StemHub has it no more, or is gone, then nobody asks and nothing is known", async () => {
    const { clock, service, watch, aim, evidence } = watching();
    watch.aim(studio, [aim()]);
    await clock.advance(1_000);
    watch.aim(studio, []);
    await clock.advance(100_000);
    expect([service.asked, evidence().state]).toEqual([1, "unknown"]);
    watch.aim(studio, [aim()]);
    watch.forget(studio);
    await clock.advance(100_000);
    expect([service.asked, clock.timers]).toEqual([1, 0]);
  });
});

test("given a thousand services that hang, then so many are asked at once and no more, and each has its turn", async () => {
  const { clock, service, watch, waits, aim } = watching();
  service.hangs = true;
  for (let i = 0; i < 1_000; i++) watch.aim({ namespace: "music", name: `studio-${i}` }, [aim()]);
  await clock.advance(15_000);
  expect(service.most).toBe(mostAtOnce);
  expect(service.asked).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(10);
});
