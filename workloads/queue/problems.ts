/** What the door refuses with: RFC 9457, in words for users where a user will read them. */
export interface Problem {
  readonly status: 400 | 403 | 404 | 409 | 413 | 422 | 503;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
}

const types = "https://stemhub.dev/problems/";

/** The problem as it goes over the wire. */
export function problemBody({ status, title, detail, retryAfterSeconds }: Problem): string {
  const type = `${types}${title.toLowerCase().replaceAll(" ", "-")}`;
  return JSON.stringify({
    type,
    title,
    status,
    detail,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

export const keyMissing: Problem = {
  status: 400,
  title: "Idempotency key missing",
  detail: "Send the header Idempotency-Key with 1 to 255 visible characters, another one for each change.",
};

export const malformed = (what: string): Problem => ({ status: 400, title: "Malformed write", detail: what });

export const inFlight: Problem = {
  status: 409,
  title: "Write in flight",
  detail: "A request with this Idempotency-Key is being taken right now. Ask again in a second.",
  retryAfterSeconds: 1,
};

/** Of another author. Nothing is said of what is there. */
export const keyTaken: Problem = {
  status: 409,
  title: "Idempotency key taken",
  detail: "This Idempotency-Key is in use. Choose another one, best a random UUID.",
};

export const otherRequest: Problem = {
  status: 422,
  title: "Idempotency key reused",
  detail: "This Idempotency-Key was sent before with another request. Choose another one for each change.",
};

export const bodyTooLarge: Problem = {
  status: 413,
  title: "Body too large",
  detail: "This change is too large to be saved for later. Try again when the service is back.",
};

export const notQueueable: Problem = {
  status: 503,
  title: "Not queueable",
  detail: "Changes of this kind are not saved for later. Try again when the service is back.",
  retryAfterSeconds: 15,
};

export const queueFull: Problem = {
  status: 503,
  title: "Queue full",
  detail: "No more changes can be saved for later right now. Keep yours and try again in a minute.",
  retryAfterSeconds: 60,
};

export const storeAway: Problem = {
  status: 503,
  title: "Queue unavailable",
  detail: "Your change could not be saved for later. Keep it and try again in a moment.",
  retryAfterSeconds: 5,
};

export const notFound: Problem = { status: 404, title: "Not found", detail: "There is nothing here for you." };

export const notLetIn: Problem = { status: 403, title: "Forbidden", detail: "This client may not ask for that." };
