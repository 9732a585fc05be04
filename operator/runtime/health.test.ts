import { afterEach, expect, test } from "vitest";
import { type HealthServer, startHealthServer } from "./health.ts";
import { createMetrics } from "./metrics.ts";

let server: HealthServer | undefined;
afterEach(() => server?.close());

async function setUp() {
  const metrics = createMetrics();
  const reasons: { live?: string; ready?: string } = {};
  server = await startHealthServer({
    port: 0,
    host: "127.0.0.1",
    metrics,
    live: () => reasons.live,
    ready: () => reasons.ready,
  });
  const get = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${server?.port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  return { metrics, reasons, get };
}

test("a probe answers 200, or 503 and the reason", async () => {
  const { reasons, get } = await setUp();
  expect(await get("/healthz")).toEqual({ status: 200, text: "ok\n" });
  reasons.ready = "stopping";
  expect(await get("/readyz?verbose")).toEqual({ status: 503, text: "stopping\n" });
  expect(await get("/healthz")).toMatchObject({ status: 200 });
  expect(await get("/else")).toMatchObject({ status: 404 });
  expect(await get("/healthz", "POST")).toMatchObject({ status: 405 });
});

test("metrics have controller-runtime's names, and each series starts at zero", async () => {
  const { metrics, get } = await setUp();
  metrics.controllerStarted("thing", 2);
  metrics.queueStarted("thing", () => []);
  metrics.leading("lease", false);
  const { text } = await get("/metrics");
  for (const series of [
    'controller_runtime_reconcile_total{controller="thing",result="success"} 0',
    'controller_runtime_reconcile_total{controller="thing",result="requeue_after"} 0',
    'controller_runtime_reconcile_total{controller="thing",result="requeue"} 0',
    'controller_runtime_reconcile_total{controller="thing",result="error"} 0',
    'controller_runtime_reconcile_errors_total{controller="thing"} 0',
    'controller_runtime_reconcile_time_seconds_count{controller="thing"} 0',
    'controller_runtime_active_workers{controller="thing"} 0',
    'controller_runtime_max_concurrent_reconciles{controller="thing"} 2',
    'workqueue_depth{name="thing"} 0',
    'workqueue_adds_total{name="thing"} 0',
    'workqueue_retries_total{name="thing"} 0',
    'workqueue_queue_duration_seconds_count{name="thing"} 0',
    'workqueue_work_duration_seconds_count{name="thing"} 0',
    'workqueue_unfinished_work_seconds{name="thing"} 0',
    'workqueue_longest_running_processor_seconds{name="thing"} 0',
    'leader_election_master_status{name="lease"} 0',
  ]) {
    expect(text).toContain(`${series}\n`);
  }
  expect(text).toMatch(/process_resident_memory_bytes \d+/);
});
