import { describe, expect, test } from "vitest";
import { FakeClock } from "../testing/clock.ts";
import { MemoryApiServer } from "../testing/memory-api.ts";
import { apiError } from "./errors.ts";
import { createRecorder } from "./events.ts";
import { silentLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { KubeObject } from "./objects.ts";

const about: KubeObject = { apiVersion: "x.dev/v1", kind: "Thing", metadata: { name: "a", namespace: "ns", uid: "1" } };
const details = { type: "Warning", reason: "Broken", note: "It is broken." } as const;

function setUp() {
  const [clock, server, metrics] = [new FakeClock(), new MemoryApiServer(), createMetrics()];
  const recorder = createRecorder({
    api: server.client(),
    clock,
    log: silentLog,
    metrics,
    reportingController: "x.dev/op",
  });
  return { clock, server, metrics, recorder, events: () => [...server.objects.values()] };
}

describe("an event", () => {
  test("names the object and who reports", async () => {
    const { recorder, events } = setUp();
    recorder.event(about, details);
    await recorder.flush();
    expect(events()).toMatchObject([
      {
        apiVersion: "events.k8s.io/v1",
        metadata: { namespace: "ns" },
        regarding: { kind: "Thing", name: "a", uid: "1" },
        reportingController: "x.dev/op",
        action: "Reconcile",
        ...details,
      },
    ]);
  });

  test("again and again becomes one series, written once a minute", async () => {
    const { clock, server, recorder, events } = setUp();
    for (let second = 0; second < 300; second++) {
      recorder.event(about, details);
      await clock.advance(1_000);
    }
    await recorder.flush();
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({ series: { count: 242 } });
    expect(server.calls.length).toBeLessThanOrEqual(7);
  });

  test("after a long silence begins a new series", async () => {
    const { clock, recorder, events } = setUp();
    recorder.event(about, details);
    await clock.advance(6 * 60_000);
    recorder.event(about, details);
    await recorder.flush();
    expect(events()).toHaveLength(2);
  });

  test("too long is cut between characters", async () => {
    const { recorder, events } = setUp();
    recorder.event(about, { ...details, note: "ä".repeat(600) });
    await recorder.flush();
    const note = String(events()[0]?.note);
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    expect(note).toMatch(/^ä+…$/);
  });
});

test("an object's events are bounded, and what is dropped is counted", async () => {
  const { clock, recorder, events, metrics } = setUp();
  for (let i = 0; i < 100; i++) recorder.event(about, { ...details, note: `Number ${i}` });
  await recorder.flush();
  expect(events()).toHaveLength(25);
  await clock.advance(30_000);
  recorder.event(about, { ...details, note: "Another" });
  await recorder.flush();
  expect(events()).toHaveLength(26);
  expect(await metrics.text()).toContain('event_recorder_dropped_total{reason="rate"} 75');
});

test("a refusal harms nobody", async () => {
  const { server, recorder, metrics } = setUp();
  server.fail = () => apiError({ status: 403, reason: "Forbidden", message: "no" });
  recorder.event(about, details);
  await recorder.flush();
  expect(await metrics.text()).toContain('event_recorder_dropped_total{reason="refused"} 1');
});
