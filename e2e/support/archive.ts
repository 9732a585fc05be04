import { segmentNumberAt, segmentOf } from "../../operator/api/wal-segments.ts";
import type { Kubectl } from "./kubectl.ts";
import { lockOf } from "./members.ts";

/** What the repository holds of a database's WAL. */
export interface Archive {
  /** Whole segments by timeline, as numbers that count on, in order. */
  readonly segments: ReadonlyMap<number, readonly number[]>;
  /** Names of everything, as pgBackRest lists them. */
  readonly names: readonly string[];
}

/** Lists the archive of a StemHub as its primary sees it, with the keys that are mounted there. */
export async function archiveOf(kubectl: Kubectl, stemhub: string): Promise<Archive> {
  const { leader } = await lockOf(kubectl, stemhub);
  const names = (await pgBackRest(kubectl, leader, ["repo-ls", "--recurse", "archive/db"])).split("\n").filter(Boolean);
  const segments = new Map<number, number[]>();
  for (const name of names) {
    const [, segment] = /\/([0-9A-F]{24})-[0-9a-f]{40}[.]zst$/.exec(name) ?? [];
    if (segment === undefined) continue;
    const { timeline, number } = segmentOf(segment);
    segments.set(
      timeline,
      [...(segments.get(timeline) ?? []), number].sort((a, b) => a - b),
    );
  }
  return { segments, names };
}

/** Segments that are missing between the first that was archived and the last, over all timelines by the newest's history. */
export function holes({ segments }: Archive, history: string): string[] {
  const ends = new Map(
    [...history.matchAll(/^(\d+)\t([0-9A-F]+\/[0-9A-F]+)/gm)].map(([, timeline, lsn = ""]) => [
      Number(timeline),
      segmentNumberAt(lsn),
    ]),
  );
  const timelines = [...segments.keys()].sort((a, b) => a - b);
  return timelines.flatMap((timeline, index) => {
    const there = segments.get(timeline) ?? [];
    // A timeline begins with the segment in which the one before it ended, of which that one archived no more than a part.
    const first = index === 0 ? there[0] : ends.get(timelines[index - 1] ?? 0);
    const end = ends.get(timeline);
    const last = end === undefined ? there.at(-1) : end - 1;
    if (first === undefined || last === undefined) return [];
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, offset) => first + offset)
      .filter((number) => !there.includes(number))
      .map((number) => `${timeline}:${number}`);
  });
}

/** Runs pgBackRest in a member, with the repository's keys. */
export function pgBackRest(kubectl: Kubectl, pod: string, args: readonly string[]): Promise<string> {
  return kubectl.exec(pod, ["/usr/local/lib/stemhub/pgbackrest-with-keys", "--stanza=db", ...args]);
}

/** Asks the primary as its superuser, by its socket. */
export async function askPrimary(kubectl: Kubectl, stemhub: string, statement: string): Promise<string> {
  const { leader } = await lockOf(kubectl, stemhub);
  const psql = ["psql", "-h", "/run/postgresql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qAtc", statement];
  return (await kubectl.exec(leader, psql)).trim();
}
