import { request } from "node:https";
import { type QueueSummary, queueSummarySchema } from "../../api/queue-configuration.ts";
import { TransientError } from "../../runtime/errors.ts";

/** Within a pass nobody waits for long: what does not answer by then counts as not there. */
const deadlineMs = 1_000;
const maxAnswerBytes = 4_096;

/** Where the queue is asked, and who asks. */
export interface SummaryTarget {
  readonly host: string;
  readonly port: number;
  /** PEM: what the operator shows, and whom it believes. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Asks the queue how much waits. Ends within a second. Errors: TransientError when there is no answer, or no such one. */
export function askQueue({ host, port, cert, key, ca }: SummaryTarget): Promise<QueueSummary> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new TransientError(`the write queue at ${host} gave no summary`, { cause }));
    const signal = AbortSignal.timeout(deadlineMs);
    const options = { host, port, path: "/v1/summary", cert, key, ca, agent: false, signal };
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) asked.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => {
        try {
          if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
          resolve(queueSummarySchema.parse(JSON.parse(Buffer.concat(chunks).toString())));
        } catch (error) {
          fail(error);
        }
      });
    });
    asked.on("error", fail);
    asked.end();
  });
}
