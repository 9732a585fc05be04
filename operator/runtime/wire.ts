import type { WatchEvent } from "./api.ts";
import { type ApiError, apiError, TransientError } from "./errors.ts";
import type { HttpResponse } from "./http.ts";
import type { KubeObject } from "./objects.ts";

/** One line of a watch, i.e. one object. etcd refuses objects over 1.5 MB. */
const maxWatchLineBytes = 16 * 1024 * 1024;

/** The API server's own word on a failure. */
interface StatusObject {
  kind?: string;
  code?: number;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string }[] };
}

/**
 * A resource version newer than all the server has: etcd was restored from a backup. The server calls it a timeout and
 * expects the client to wait; as with one that is too old, only a new list helps.
 */
function fromTheFuture(status: StatusObject): boolean {
  return causesOf(status).includes("ResourceVersionTooLarge");
}

function causesOf({ details }: StatusObject): string[] {
  return (details?.causes ?? []).flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
}

/** The error for an answer outside 2xx. A body that is no Status comes from something in between, or a missing path. */
export function failure(response: HttpResponse, path: string): ApiError {
  const seconds = Number(response.headers["retry-after"]);
  const retry = Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {};
  let status: StatusObject = {};
  if (response.body.startsWith("{")) status = parse(response.body, path) as StatusObject;
  const isStatus = status.kind === "Status";
  return apiError({
    status: isStatus && fromTheFuture(status) ? 410 : response.status,
    reason: (isStatus && status.reason) || `HTTP ${response.status}`,
    causes: isStatus ? causesOf(status) : [],
    message:
      (isStatus && status.message) ||
      `${path.split("?", 1)[0]}: HTTP ${response.status} ${response.body.slice(0, 200)}`,
    ...retry,
  });
}

/** The events of a watch, one JSON object a line. An ERROR event is thrown as what it says. */
export async function* watchEvents(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<WatchEvent> {
  for await (const line of lines(chunks)) {
    const event = parse(line, path) as unknown as { type: string; object: KubeObject };
    if (event.type === "ERROR") throw statusError(event.object);
    yield event as WatchEvent;
  }
}

function statusError(object: KubeObject): ApiError {
  const status: StatusObject = object;
  const seconds = status.details?.retryAfterSeconds;
  return apiError({
    status: fromTheFuture(status) ? 410 : (status.code ?? 500),
    reason: status.reason ?? "Unknown",
    message: status.message ?? "the watch failed",
    ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1000 }),
  });
}

/** JSON, or TransientError: something between the server and us cut it short. */
export function parse(text: string, path: string): KubeObject {
  try {
    return JSON.parse(text) as KubeObject;
  } catch (cause) {
    throw new TransientError(`${path.split("?", 1)[0]}: the answer is no JSON`, { cause });
  }
}

/** Cuts a stream into lines. Bytes, not text, are cut: a character may lie across two chunks. */
async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]).toString("utf8");
      rest = [];
      restBytes = 0;
      start = end + 1;
      if (line.length > 0) yield line;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > maxWatchLineBytes)
        throw new TransientError(`a watch event is larger than ${maxWatchLineBytes} bytes`);
    }
  }
}
