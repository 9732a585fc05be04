/*
 * Which writes belong together: gateway.routes.queue.aggregate. It runs in njs as it does in Node, so it knows neither
 * libraries nor new syntax.
 */

/** A longer one would not fit the queue's header. */
const maxAggregateChars = 512;

/**
 * The aggregate of a path (without query), by a route's expression. A word stands for itself. Of a template, as many
 * leading segments of the path as fit it, so that all that lies below /api/projects/7 belongs together, and what creates
 * projects, having no id yet, to /api/projects. Undefined when it would be too long: such a write cannot be queued.
 */
export function aggregateOf(expression: string, path: string): string | undefined {
  if (expression.charAt(0) !== "/") return expression;
  const template = expression.split("/");
  const segments = path.split("/");
  let aggregate = "";
  for (let i = 1; i < template.length; i++) {
    const wanted = template[i] ?? "";
    const segment = segments[i];
    if (segment === undefined || segment === "") break;
    if (wanted.charAt(0) !== "{" && wanted !== segment) break;
    aggregate += `/${segment}`;
  }
  return aggregate.length > maxAggregateChars ? undefined : aggregate || "/";
}
