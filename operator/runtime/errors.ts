/**
 * Errors named by their remedy. Whoever catches one knows what to do without reading its text:
 *
 * | error          | remedy                                             |
 * |----------------|----------------------------------------------------|
 * | TransientError | back off and try again                             |
 * | ConflictError  | the world moved: read it again, at once            |
 * | ForbiddenError | an admin must grant a right: say so, look again    |
 * | NamespaceEndingError | nothing can be made there any more: let it end |
 * | TerminalError  | nothing helps but a new spec: do not come again    |
 * | ApiError       | any other refusal of the API server: back off      |
 */

/** The network, a timeout, or something that heals by itself. `retryAfterMs`: not before that long from now. */
export class TransientError extends Error {
  override name = "TransientError";
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** No retry can help; only an edit of the object can. The work queue drops the key until something changes. */
export class TerminalError extends Error {
  override name = "TerminalError";
}

/** What the API server says of itself in a `Status` object. */
export interface ApiFailure {
  /** HTTP status code, or the code inside a watch's ERROR event. */
  readonly status: number;
  /** The machine's word: NotFound, AlreadyExists, Conflict, Expired, Invalid, Forbidden, TooManyRequests, … */
  readonly reason: string;
  readonly message: string;
  /** The reasons of `details.causes`, where there are any. */
  readonly causes?: readonly string[];
  /** From Retry-After: the server asks not to be called before that long from now. */
  readonly retryAfterMs?: number;
}

/** The API server answered, and the answer is no. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  constructor(failure: ApiFailure) {
    super(failure.message);
    this.status = failure.status;
    this.reason = failure.reason;
    this.retryAfterMs = failure.retryAfterMs;
  }
}

/** 409: someone wrote first (Conflict) or it exists already (AlreadyExists); `reason` tells which. */
export class ConflictError extends ApiError {
  override name = "ConflictError";
}

/** 403: a right is missing. The message names verb, resource and namespace. */
export class ForbiddenError extends ApiError {
  override name = "ForbiddenError";
}

/** 403 of a namespace that is being deleted: nothing new can be made in it, and what is in it goes too. */
export class NamespaceEndingError extends ForbiddenError {
  override name = "NamespaceEndingError";
}

/** 410: the resource version is too old to be resumed or paged from; only a new list helps. */
export class ExpiredError extends ApiError {
  override name = "ExpiredError";
}

/** The error that fits an answer of the API server. */
export function apiError(failure: ApiFailure): ApiError {
  switch (failure.status) {
    case 403:
      // https://github.com/kubernetes/api/blob/v0.36.0/core/v1/types.go, NamespaceTerminatingCause
      return failure.causes?.includes("NamespaceTerminating")
        ? new NamespaceEndingError(failure)
        : new ForbiddenError(failure);
    case 409:
      return new ConflictError(failure);
    case 410:
      return new ExpiredError(failure);
    default:
      return new ApiError(failure);
  }
}

/** How long the server asked to be left alone, if it did. */
export function retryAfterOf(error: unknown): number | undefined {
  return error instanceof ApiError || error instanceof TransientError ? error.retryAfterMs : undefined;
}

/** The abort reason of leadership that was lost: whatever still runs must stop, and may not write any more. */
export class LeaseLostError extends Error {
  override name = "LeaseLostError";
}

/** For the end of an exhaustive switch: the compiler proves that it is never reached. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
