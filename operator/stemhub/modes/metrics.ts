import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Capability, ModeDocument } from "../../api/mode-document.ts";
import type { Flip } from "../../api/modes.ts";
import type { Clock } from "../../runtime/clock.ts";
import { formatKey, type Key } from "../../runtime/objects.ts";

/** Buckets of a probe's time, in seconds: from a read within the cluster to the longest deadline. */
const probeSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const labels = ["namespace", "stemhub", "capability", "mode"] as const;

/** Modes as Prometheus sees them; `platform` stands for the whole. Only modes that were seen have a series. */
export interface ModeMetrics {
  /** What a StemHub's mode is now. */
  tell(key: Key, document: ModeDocument): void;
  flipped(key: Key, flips: readonly Flip[]): void;
  /** It is gone: its series end. */
  forget(key: Key): void;
  /** A probe took so long, after it had waited for its turn. */
  measured(probe: string, seconds: number, waitedSeconds: number): void;
}

interface Told {
  readonly key: Key;
  readonly modes: Map<Capability | "platform", { mode: string; sinceMs: number }>;
  /** Every set of labels that it has had. */
  readonly seen: Map<string, Labels>;
}

type Labels = Readonly<Record<(typeof labels)[number], string>>;

/** One a registry. */
export function createModeMetrics(registry: Registry, clock: Clock): ModeMetrics {
  const registers = [registry];
  const told = new Map<string, Told>();
  const mode = new Gauge({ name: "stemhub_mode", help: "1 for the mode that it has.", labelNames: labels, registers });
  const seconds = new Counter({
    name: "stemhub_mode_seconds_total",
    help: "Seconds spent in a mode, as this operator has seen it.",
    labelNames: labels,
    registers,
    // Time passes between two scrapes, and nobody has to be woken for it.
    collect: () => {
      for (const one of told.values()) count(one);
    },
  });
  const flips = new Counter({
    name: "stemhub_mode_flips_total",
    help: "Changes of a mode, by the mode that it became.",
    labelNames: labels,
    registers,
  });
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, labelNames: ["probe"] as const, buckets: probeSeconds, registers });
  const duration = histogram("stemhub_probe_duration_seconds", "How long a probe took.");
  const waited = histogram("stemhub_probe_wait_seconds", "How long a probe that was due waited for its turn.");

  const labelsOf = ({ namespace, name }: Key, capability: string, its: string): Labels => ({
    namespace,
    stemhub: name,
    capability,
    mode: its,
  });
  const count = ({ key, modes }: Told): void => {
    const now = clock.monotonic();
    for (const [capability, state] of modes) {
      seconds.inc(labelsOf(key, capability, state.mode), Math.max(0, now - state.sinceMs) / 1_000);
      state.sinceMs = now;
    }
  };

  return {
    tell: (key, document) => {
      const one = told.get(formatKey(key)) ?? { key, modes: new Map(), seen: new Map() };
      told.set(formatKey(key), one);
      const now: [Capability | "platform", string][] = [
        ["platform", document.mode],
        ...Object.entries(document.capabilities).map(([name, state]): [Capability, string] => [
          name as Capability,
          state.mode,
        ]),
      ];
      for (const [capability, its] of now) {
        const before = one.modes.get(capability);
        if (before?.mode === its) continue;
        if (before) {
          count(one);
          mode.set(labelsOf(key, capability, before.mode), 0);
        }
        const present = labelsOf(key, capability, its);
        one.seen.set(JSON.stringify(present), present);
        mode.set(present, 1);
        flips.inc(present, 0);
        one.modes.set(capability, { mode: its, sinceMs: clock.monotonic() });
      }
    },
    flipped: (key, all) => {
      for (const { capability, to } of all) flips.inc(labelsOf(key, capability, to));
    },
    forget: (key) => {
      for (const each of told.get(formatKey(key))?.seen.values() ?? []) {
        for (const metric of [mode, seconds, flips]) metric.remove(each);
      }
      told.delete(formatKey(key));
    },
    measured: (probe, took, waitedFor) => {
      duration.observe({ probe }, took);
      waited.observe({ probe }, waitedFor);
    },
  };
}
