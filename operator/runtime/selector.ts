/**
 * Judges whether an object is inside a label selector as the API server would. Only what equality says: `a=b`, `a==b`,
 * `a!=b`, `a`, `!a`, joined by commas. undefined for selectors with `in` or `notin`: those are the server's to judge.
 */
export function parseSelector(
  selector: string | undefined,
): ((labels: Readonly<Record<string, string>>) => boolean) | undefined {
  if (!selector) return () => true;
  const rules: ((labels: Readonly<Record<string, string>>) => boolean)[] = [];
  for (const part of selector.split(",").map((text) => text.trim())) {
    const match = /^(!?)([\w./-]+)(?:(==|=|!=)([\w.-]*))?$/.exec(part);
    if (!match) return undefined;
    const [, not, name = "", operator, value] = match;
    if (not) rules.push((labels) => labels[name] === undefined);
    else if (operator === undefined) rules.push((labels) => labels[name] !== undefined);
    else if (operator === "!=") rules.push((labels) => labels[name] !== value);
    else rules.push((labels) => labels[name] === value);
  }
  return (labels) => rules.every((rule) => rule(labels));
}
