const unitsMs = { h: 3_600_000, m: 60_000, s: 1_000 } as const;

/** A duration as Kubernetes writes it, in whole hours, minutes and seconds ("2160h", "1h30m"), in ms; undefined for what is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (!match || text === "") return undefined;
  const [, hours = 0, minutes = 0, seconds = 0] = match;
  return Number(hours) * unitsMs.h + Number(minutes) * unitsMs.m + Number(seconds) * unitsMs.s;
}
