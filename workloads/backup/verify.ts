/** Something of a repository that is not as it was written. */
export interface Damage {
  readonly of: "backup" | "archive";
  /** A backup's label, or pgBackRest's name of an archive (17-1). */
  readonly name: string;
  /** In pgBackRest's words, what is not zero: `missing: 749`, `checksum invalid: 1`. */
  readonly words: readonly string[];
}

/**
 * What `pgbackrest verify --output=text --verbose` found: nothing is undamaged's answer. It ends with 0 whatever it
 * finds, and without --verbose it says nothing where all is well, as if it had not run. A backup that builds upon a
 * damaged one is not named, and cannot be restored either.
 *
 * Errors: an Error where it gives no verdict, since silence proves nothing.
 */
export function readVerify(text: string): readonly Damage[] {
  const status = /^status: (\w+)$/m.exec(text)?.[1];
  if (status !== "ok" && status !== "error")
    throw new Error(`pgbackrest verify gave no verdict: ${text.slice(0, 400)}`);
  const damages = [...text.matchAll(section)].flatMap(([, kind, name = "", judged, counts = ""]): Damage[] => {
    const words = counts.split(",").map((word) => word.trim());
    const damaged = words.filter((word) => word !== "" && !word.endsWith(": 0"));
    if (damaged.length === 0 && judged !== "invalid") return [];
    return [{ of: kind === "backup" ? "backup" : "archive", name, words: damaged }];
  });
  if (status === "error" && damages.length === 0)
    throw new Error(`pgbackrest verify found something that is not understood: ${text.slice(0, 400)}`);
  return damages;
}

/** One archive or backup, with its counts on the line after it. */
const section = /^ +(archiveId|backup): ([^,\n]+),(?: status: ([^,\n]+),)?[^\n]*(?:\n {4,}([^\n]+))?/gm;
