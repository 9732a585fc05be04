import type { Kubectl } from "./kubectl.ts";

/** One sample of a Prometheus text exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format: one line a sample, comments left out. Escapes in label values are those of the format. */
export function parseMetrics(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!match || line.startsWith("#")) continue;
    const [, name = "", labels = "", value = ""] = match;
    const pairs = [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
    samples.push({
      name,
      labels: Object.fromEntries(pairs.map(([, key = "", escaped = ""]) => [key, unescapeLabel(escaped)])),
      value: Number(value),
    });
  }
  return samples;
}

/** The sum of a metric's samples, by the value of one label. */
export function sumBy(samples: readonly Sample[], name: string, label: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const sample of samples) {
    if (sample.name !== name) continue;
    const key = sample.labels[label] ?? "";
    sums.set(key, (sums.get(key) ?? 0) + sample.value);
  }
  return sums;
}

/** A metric of which a process has one. Errors: Error when it is not there. */
export function single(samples: readonly Sample[], name: string): number {
  const found = samples.find((sample) => sample.name === name);
  if (!found) throw new Error(`/metrics has no ${name}`);
  return found.value;
}

/** Scrapes a pod's /metrics through the API server: works wherever kubectl does. */
export async function scrape(kubectl: Kubectl, pod: string, port: number): Promise<Sample[]> {
  const path = `/api/v1/namespaces/${kubectl.namespace}/pods/${pod}:${port}/proxy/metrics`;
  return parseMetrics(await kubectl.run(["get", "--raw", path]));
}

function unescapeLabel(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}
