import { SilenceError, send } from "../../../runtime/one-request.ts";
import type { Question } from "../evidence.ts";
import type { Asker } from "../watch.ts";

/** A Secret or ConfigMap that the spec names is not as it says. */
export class BadAccessError extends Error {}

/** A service that is asked by GET. */
export interface ServiceTarget {
  readonly question: Question;
  readonly url: string;
  /**
   * Reads the PEM of the authority that its certificate is from; absent for public ones. `again`: not from memory. Errors:
   * BadAccessError when a person has to mend it; any other says nothing of the service.
   */
  readonly authority?: (again: boolean) => Promise<string>;
}

/** Asks a service whether it answers with 200 to 399. Each question has a connection of its own, as a new user has. */
export function askService({ question, url, authority }: ServiceTarget): Asker {
  let failed = false;
  return {
    ask: async (timeoutMs, signal) => {
      let ca: string | undefined;
      try {
        ca = await authority?.(failed);
      } catch (error) {
        // The API server is away, perhaps: that says nothing of the service.
        return error instanceof BadAccessError ? [{ question, trouble: error.message }] : undefined;
      }
      try {
        const headers = { "user-agent": "stemhub-operator" };
        const { status } = await send({ method: "GET", url: new URL(url), headers, ca, timeoutMs, signal });
        const well = status >= 200 && status < 400;
        failed = !well;
        return [{ question, trouble: well ? undefined : `${url} answers ${status}` }];
      } catch (error) {
        failed = true;
        return [{ question, trouble: `${url}: ${reasonOf(error)}`, silent: error instanceof SilenceError }];
      }
    },
    close: () => undefined,
  };
}

/** A few words that stay the same while the trouble does: ports and times would make each failure a new one. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return error instanceof SilenceError ? error.message : (code ?? message ?? String(error));
}
