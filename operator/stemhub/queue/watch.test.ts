import { expect, test } from "vitest";
import type { QueueSummary } from "../../api/queue-configuration.ts";
import { silentLog } from "../../runtime/log.ts";
import { createMetrics } from "../../runtime/metrics.ts";
import { FakeClock, settle } from "../../testing/clock.ts";
import { createQueueMetrics } from "./metrics.ts";
import type { SummaryTarget } from "./summary.ts";
import { calmPeriodMs, waitingPeriodMs, watchQueues } from "./watch.ts";

const key = { namespace: "music", name: "studio" };
const target: SummaryTarget = { host: "studio-queue", port: 8443, cert: "c", key: "k", ca: "a" };
const empty: QueueSummary = { queued: 0, aggregates: 0, inFlight: 0, deadLetters: 0, oldestSeconds: 0 };

function watching() {
  const [clock, stop, metrics] = [new FakeClock(), new AbortController(), createMetrics()];
  const queue: { answer: QueueSummary | undefined; asked: number } = { answer: empty, asked: 0 };
  const watch = watchQueues({
    clock,
    log: silentLog,
    signal: stop.signal,
    metrics: createQueueMetrics(metrics.registry),
    random: () => 0.5,
    ask: async () => {
      queue.asked += 1;
      if (!queue.answer) throw new Error("away");
      return queue.answer;
    },
  });
  const news: string[] = [];
  watch.onNews(({ name }) => news.push(name));
  const series = async () =>
    (await metrics.text()).split("\n").filter((line) => /^stemhub_(queue|dead|oldest)/.test(line));
  return { clock, stop, queue, watch, news, series };
}

test("given a queue in which nothing happens, then it is asked each minute, and a pass is due for its first answer alone", async () => {
  const { clock, stop, queue, watch, news } = watching();
  watch.aim(key, target);
  watch.aim(key, { ...target });
  await clock.advance(3 * calmPeriodMs);
  expect([queue.asked, news]).toEqual([4, ["studio"]]);
  expect(watch.lastOf(key)).toEqual(empty);
  stop.abort();
  await settle();
  expect(clock.timers).toBe(0);
});

test("given writes that wait, then it is asked sooner, and a pass is due when dead letters come and when the last has gone", async () => {
  const { clock, stop, queue, watch, news } = watching();
  watch.aim(key, target);
  await clock.advance(0);
  queue.answer = { ...empty, queued: 2, aggregates: 1, oldestSeconds: 3 };
  await clock.advance(calmPeriodMs);
  queue.answer = { ...empty, queued: 1, aggregates: 1, deadLetters: 1, oldestSeconds: 13 };
  await clock.advance(waitingPeriodMs);
  await clock.advance(waitingPeriodMs);
  queue.answer = { ...empty, deadLetters: 1 };
  await clock.advance(waitingPeriodMs);
  expect(news).toHaveLength(4);
  stop.abort();
});

test("given a queue that stops answering, then nothing is known of it, and its numbers end", async () => {
  const { clock, stop, queue, watch, news, series } = watching();
  queue.answer = { ...empty, queued: 2, inFlight: 1, deadLetters: 3, oldestSeconds: 5 };
  watch.aim(key, target);
  await clock.advance(0);
  const labels = 'namespace="music",stemhub="studio"';
  expect(await series()).toEqual([
    `stemhub_queue_answers{${labels}} 1`,
    `stemhub_queued_writes{${labels}} 2`,
    `stemhub_queued_writes_in_flight{${labels}} 1`,
    `stemhub_oldest_queued_write_seconds{${labels}} 5`,
    `stemhub_dead_letters{${labels}} 3`,
  ]);
  queue.answer = undefined;
  expect(await watch.askNow(key)).toBeUndefined();
  expect(await series()).toEqual([`stemhub_queue_answers{${labels}} 0`]);
  expect(news).toHaveLength(1);
  watch.aim(key, undefined);
  expect(await series()).toEqual([]);
  expect(await watch.askNow(key)).toBeUndefined();
  stop.abort();
});
