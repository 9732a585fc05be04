/** What a user is told when nobody could answer: what happened, and what to do. RFC 9457. */
interface Problem {
  readonly status: number;
  /** What nginx calls it inside of itself, where that differs. */
  readonly raised?: number;
  /** Raised while the request line or its headers are read: there is no path yet, and so no way to a named location. */
  readonly early?: true;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
}

const problems: readonly Problem[] = [
  { status: 404, title: "Not found", detail: "There is nothing at this address." },
  { status: 405, title: "Only to be read", detail: "What is at this address can be read, and not changed." },
  {
    status: 413,
    title: "Too large",
    detail: "The request is larger than this address accepts. Send it in smaller parts.",
  },
  { status: 400, title: "Not understood", detail: "The request is not one that can be understood.", early: true },
  { status: 414, title: "Address too long", detail: "The address of the request is too long.", early: true },
  { status: 408, title: "Too slow", detail: "The request took too long to arrive. Try again." },
  {
    status: 429,
    title: "Too many requests",
    detail: "There were too many requests from your address. Try again in a moment.",
    retryAfterSeconds: 1,
  },
  {
    status: 431,
    raised: 494,
    early: true,
    title: "Headers too large",
    detail: "The headers of the request are too large. Clear the cookies of this site and try again.",
  },
  {
    status: 502,
    title: "Not reachable",
    detail: "The service behind this address could not be reached. Try again in a moment.",
  },
  {
    status: 503,
    title: "Not available",
    detail: "The service behind this address is not available. Try again in a moment.",
  },
  {
    status: 504,
    title: "No answer in time",
    detail: "The service behind this address did not answer in time. Try again in a moment.",
  },
];

/**
 * Lines of a server that say each problem as a document.
 *
 * @param everyAnswer lines that add the headers of every answer; a location that adds one of its own must repeat them
 */
export function problemLines(everyAnswer: readonly string[]): string[] {
  return [
    ...problems.map((problem) => `    error_page ${problem.raised ?? problem.status} = ${place(problem)};`),
    ...problems.map((problem) => location(problem, everyAnswer)),
  ];
}

function place({ status, early }: Problem): string {
  return early ? `/.well-known/stemhub/problems/${status}` : `@problem_${status}`;
}

/** Made here because nobody behind could. */
function location(problem: Problem, everyAnswer: readonly string[]): string {
  const { status, title, detail, retryAfterSeconds } = problem;
  const document = JSON.stringify({ type: "about:blank", title, status, detail });
  const lines = [
    ...(problem.early ? ["internal;"] : []),
    "default_type application/problem+json;",
    ...everyAnswer,
    "add_header Cache-Control no-store always;",
    ...(retryAfterSeconds === undefined ? [] : [`add_header Retry-After ${retryAfterSeconds} always;`]),
    `return ${status} '${document}';`,
  ];
  return `    location ${problem.early ? "= " : ""}${place(problem)} { ${lines.join(" ")} }`;
}
