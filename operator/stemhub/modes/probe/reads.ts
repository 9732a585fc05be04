import type { Answer } from "../evidence.ts";
import type { Asker } from "../watch.ts";
import { reasonOf } from "./service.ts";

/** A session that can be asked: postgres/probe's. */
export interface ReadSession {
  readonly open: boolean;
  query(statement: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): void;
}

/** One way to the database: its Service, or a proxy behind that. */
export interface ReadPath {
  readonly name: string;
  /** Errors: the network's, TLS's or PostgreSQL's, within the deadline. */
  readonly open: (deadlineMs: number) => Promise<ReadSession>;
}

/** No answer, or an answer that says no: told apart by what Node and PostgreSQL call it. */
const silences = ["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "timeout expired", "no answer"];

const statement = "SELECT pg_is_in_recovery() AS replica";

/**
 * Asks for a read as the app's sessions do: through the Service, by a session that is kept. Where that fails every proxy is tried
 * by itself, since a Service may lead to a lost node for a while, and reads go on all the same.
 */
export function askReads(paths: readonly ReadPath[]): Asker {
  let kept: ReadSession | undefined;
  const [service, ...proxies] = paths;

  const read = async (path: ReadPath, timeoutMs: number, signal: AbortSignal): Promise<Answer> => {
    const session = kept?.open && path === service ? kept : await path.open(timeoutMs);
    try {
      const [row] = await within(session.query(statement), timeoutMs, signal);
      if (path === service) kept = session;
      else session.close();
      return { question: "reads", trouble: undefined, replica: row?.replica === true };
    } catch (error) {
      session.close();
      if (path === service) kept = undefined;
      throw error;
    }
  };

  return {
    ask: async (timeoutMs, signal) => {
      if (!service) return undefined;
      if (kept?.open) {
        // That it ended with its proxy is no failure before new ones fail.
        const answer = await read(service, timeoutMs, signal).catch(() => undefined);
        if (answer) return [answer];
      }
      const tried = await Promise.allSettled([service, ...proxies].map((path) => read(path, timeoutMs, signal)));
      const answer = tried.find((one) => one.status === "fulfilled")?.value;
      if (answer) return [answer];
      const errors = tried.map((one) => (one as PromiseRejectedResult).reason as unknown);
      const silent = errors.every((error) => silences.some((word) => reasonOf(error).includes(word)));
      return [{ question: "reads", trouble: `${service.name}: ${reasonOf(errors[0])}`, silent }];
    },
    close: () => kept?.close(),
  };
}

/** Errors: Error at the deadline, or when all ends. */
async function within<T>(work: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
  let end: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`no answer within ${timeoutMs / 1_000} s`));
    const timer = setTimeout(fail, timeoutMs);
    signal.addEventListener("abort", fail, { once: true });
    end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", fail);
    };
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    end();
  }
}
