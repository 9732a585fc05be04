import { Gauge, type Registry } from "prom-client";
import type { QueueSummary } from "../../api/queue-configuration.ts";
import type { Key } from "../../runtime/objects.ts";

const labels = ["namespace", "stemhub"] as const;

/** The write queues as Prometheus sees them: what each said last. */
export interface QueueMetrics {
  heard(key: Key, summary: QueueSummary): void;
  /** It does not answer. Its numbers end, since old ones could say that nothing waits. */
  silent(key: Key): void;
  /** It is gone: its series end. */
  forget(key: Key): void;
}

/** One a registry. */
export function createQueueMetrics(registry: Registry): QueueMetrics {
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: labels, registers: [registry] });
  const answers = gauge("stemhub_queue_answers", "1 where the write queue answers, 0 where it does not.");
  const numbers = [
    { of: "queued", metric: gauge("stemhub_queued_writes", "Writes that wait or are being sent.") },
    { of: "inFlight", metric: gauge("stemhub_queued_writes_in_flight", "Of the queued: sent and not answered yet.") },
    { of: "oldestSeconds", metric: gauge("stemhub_oldest_queued_write_seconds", "Age of the oldest queued write.") },
    { of: "deadLetters", metric: gauge("stemhub_dead_letters", "Writes that a person has to look at.") },
  ] as const;
  const labelsOf = ({ namespace, name }: Key) => ({ namespace, stemhub: name });
  const endNumbers = (key: Key) => {
    for (const { metric } of numbers) metric.remove(labelsOf(key));
  };
  return {
    heard: (key, summary) => {
      answers.set(labelsOf(key), 1);
      for (const { of, metric } of numbers) metric.set(labelsOf(key), summary[of]);
    },
    silent: (key) => {
      answers.set(labelsOf(key), 0);
      endNumbers(key);
    },
    forget: (key) => {
      answers.remove(labelsOf(key));
      endNumbers(key);
    },
  };
}
