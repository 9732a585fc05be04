/** One place of a text that is another afterwards. */
export interface Edit {
  readonly at: number;
  readonly deleted: number;
  readonly inserted: string;
}

/**
 * What somebody did to a text, as the one place where it differs: of a field only the whole text is known, and to replace
 * all of it would take away what others write at the same time. Undefined where nothing differs.
 */
export function edit(before: string, after: string): Edit | undefined {
  if (before === after) return undefined;
  const most = Math.min(before.length, after.length);
  let at = 0;
  while (at < most && before[at] === after[at]) at += 1;
  let tail = 0;
  while (tail < most - at && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return { at, deleted: before.length - at - tail, inserted: after.slice(at, after.length - tail) };
}
