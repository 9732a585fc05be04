import { expect, test } from "vitest";
import { createMetrics } from "../../runtime/metrics.ts";
import { FakeClock } from "../../testing/clock.ts";
import { all, calm, ok } from "../../testing/modes.ts";
import { decideModes } from "./decide.ts";
import type { Evidence } from "./evidence.ts";
import { createModeMetrics } from "./metrics.ts";

const key = { namespace: "music", name: "studio" };
test("given a StemHub that is read-only for a minute, then its modes, their seconds and flips are told until it is gone", async () => {
  const [clock, { registry }] = [new FakeClock(), createMetrics()];
  const metrics = createModeMetrics(registry, clock);
  const normal = decideModes(calm);
  const writes: Evidence = { state: "failing", failures: 1, forMs: 10_000, detail: "no write is answered" };
  const readOnly = decideModes({ ...calm, former: normal.document, evidence: { ...all(ok), writes } });
  metrics.tell(key, normal.document);
  await clock.advance(30_000);
  metrics.tell(key, readOnly.document);
  metrics.flipped(key, readOnly.flips);
  await clock.advance(60_000);
  const lines = async () => (await registry.metrics()).split("\n").filter((line) => line.includes('stemhub="studio"'));
  const series = (name: string, capability: string, mode: string, value: number) =>
    `${name}{namespace="music",stemhub="studio",capability="${capability}",mode="${mode}"} ${value}`;
  expect(await lines()).toEqual(
    expect.arrayContaining([
      series("stemhub_mode", "database", "ReadOnly", 1),
      series("stemhub_mode", "database", "Normal", 0),
      series("stemhub_mode", "platform", "ReadOnly", 1),
      series("stemhub_mode_seconds_total", "database", "Normal", 30),
      series("stemhub_mode_seconds_total", "database", "ReadOnly", 60),
      series("stemhub_mode_flips_total", "database", "ReadOnly", 1),
      series("stemhub_mode_flips_total", "database", "Normal", 0),
    ]),
  );
  metrics.forget(key);
  expect(await lines()).toEqual([]);
});
