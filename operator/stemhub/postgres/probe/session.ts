import { createSecureContext, type SecureContext } from "node:tls";
import pg from "pg";
import type { Clock } from "../../../runtime/clock.ts";

/** Where one member of a database is reached, and how it proves that it is the one. */
export interface MemberAddress {
  /** Its pod's: no name has to be resolved while things are broken. */
  readonly ip: string;
  readonly port: number;
  /** The name that its certificate must have. */
  readonly host: string;
  /** PEM of the StemHub's authority. */
  readonly authority: string;
}

/** By which role a session is opened. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** One row, by column; numbers of PostgreSQL's bigint come as text. */
export type Row = Readonly<Record<string, unknown>>;

/** A session with one member, over TLS. */
export interface Session {
  /** False from the moment at which the connection broke or was closed: it is of no use any more. */
  readonly open: boolean;
  /** Runs one statement. Not bounded by itself: whoever waits has a deadline, and closes what is late. Errors: PostgreSQL's own, or the network's. */
  query(statement: string): Promise<readonly Row[]>;
  /** Ends it at once, whatever is under way. */
  close(): void;
}

/** Opens a session in the database `postgres`. Errors: TLS's, PostgreSQL's or the network's, within the deadline. */
export type OpenSession = (address: MemberAddress, login: Login, deadlineMs: number) => Promise<Session>;

/** By package pg. A connection that breaks while nothing is under way only makes `open` false. */
export const openSession: OpenSession = async ({ ip, port, host, authority }, { user, password }, deadlineMs) => {
  const client = new pg.Client({
    host: ip,
    port,
    user,
    password,
    database: "postgres",
    application_name: "stemhub-operator",
    connectionTimeoutMillis: deadlineMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ssl: { secureContext: contextOf(authority), servername: host, rejectUnauthorized: true },
  });
  let open = true;
  const closed = () => {
    open = false;
  };
  client.on("error", closed);
  client.on("end", closed);
  try {
    await client.connect();
  } catch (error) {
    destroy(client);
    throw error;
  }
  return {
    get open() {
      return open;
    },
    query: async (statement) => (await client.query(statement)).rows,
    close: () => {
      closed();
      destroy(client);
    },
  };
};

/** More authorities than StemHubs that one operator is made for; the oldest is forgotten first. */
const mostContexts = 1_000;

const contexts = new Map<string, SecureContext>();

/** What a certificate is verified by. One an authority and not one a session: parsing it is what a session costs most. */
function contextOf(authority: string): SecureContext {
  const context = contexts.get(authority) ?? createSecureContext({ ca: authority });
  contexts.delete(authority);
  contexts.set(authority, context);
  const [oldest] = contexts.keys();
  if (contexts.size > mostContexts && oldest !== undefined) contexts.delete(oldest);
  return context;
}

/**
 * Does some work by a session of its own, and closes it. Errors: those of the work, or an Error when it is not done by the
 * deadline; what was sent by then may still come about.
 */
export async function withSession(
  clock: Clock,
  where: { readonly address: MemberAddress; readonly login: Login; readonly deadlineMs: number },
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const { address, login, deadlineMs } = where;
  const session = await openSession(address, login, deadlineMs);
  const done = new AbortController();
  const late = clock.sleep(deadlineMs, done.signal).then((): never => {
    throw new Error(`${address.host} has not answered within ${deadlineMs / 1_000} s`);
  });
  try {
    await Promise.race([work(session), late]);
  } finally {
    done.abort();
    session.close();
  }
}

/** Not `end`, which waits for what is under way, and that may be for ever. */
function destroy(client: pg.Client): void {
  (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
}
