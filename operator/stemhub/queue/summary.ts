import { type QueueSummary, queueSummarySchema } from "../../api/queue-configuration.ts";
import { TransientError } from "../../runtime/errors.ts";
import { send } from "../../runtime/one-request.ts";

/** Within a pass nobody waits for long: what does not answer by then counts as not there. */
const timeoutMs = 1_000;

/** Where the queue is asked, and who asks. */
export interface SummaryTarget {
  readonly host: string;
  readonly port: number;
  /** PEM: what the operator shows, and whom it believes. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/**
 * Asks the queue how much waits. Ends within a second. Errors: TransientError when there is no answer, or no such one, or
 * the signal is aborted.
 */
export async function askQueue(target: SummaryTarget, signal: AbortSignal): Promise<QueueSummary> {
  const { host, port, cert, key, ca } = target;
  const url = new URL(`https://${host}:${port}/v1/summary`);
  try {
    const { status, body } = await send({ method: "GET", url, client: { cert, key }, ca, timeoutMs, signal });
    if (status !== 200) throw new Error(`status ${status}`);
    return queueSummarySchema.parse(JSON.parse(body));
  } catch (cause) {
    throw new TransientError(`the write queue at ${host} gave no summary`, { cause });
  }
}
