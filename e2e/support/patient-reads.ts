import { eventually } from "./deadline.ts";
import type { Kubectl } from "./kubectl.ts";

/** What a patient reader asks for: an app under load whose users wait two seconds and no longer. */
export const patience = { perSecond: 100, deadlineMs: 2_000, attemptMs: 500, workers: 64 } as const;

/** One request of a patient reader. */
export interface PatientRead {
  /** When it was due, in ms of the reader's clock. Its deadline counts from here, whenever a worker came to it. */
  readonly dueMs: number;
  /** Undefined where it was answered in time. */
  readonly failed: string | undefined;
}

/** A reader that is under way. */
export interface PatientReader {
  /** Ends it, and returns every request that it has been through. */
  stop(): Promise<readonly PatientRead[]>;
}

/**
 * Reads at a steady rate whether or not earlier requests have been answered, as users come. A request is one SELECT that
 * must be answered within 2 s of when it was due. Inside these 2 s it is tried again where it must: each attempt, with
 * the connection that it may have to make, is given 500 ms, then that connection is thrown away, and the next attempt
 * takes another from the pool or makes a new one. That is what a pool with sane timeouts and one retry loop gives an
 * app; an app that waits for one connection for ever sees more failures than are counted here.
 *
 * Assumes: the Service's address does not change, so it is looked up once; at most 64 requests are under way at once, those beyond wait for a worker.
 *
 * @param route.pod as of LoadRoute
 */
export async function startPatientReads(
  kubectl: Kubectl,
  name: string,
  route: { readonly connection: string; readonly pod: (name: string, command: readonly string[]) => object },
): Promise<PatientReader> {
  const pod = `${name}-patient-reader`;
  await kubectl.delete(`pod/${pod}`, { wait: true, force: true });
  await kubectl.apply(route.pod(pod, ["python3", "-u", "-c", patientProgram, route.connection]));
  const reads = async () => parsePatientReads(await kubectl.logs(pod));
  await eventually(`${pod} is answered`, startDeadlineMs, async () => {
    return (await reads()).slice(-patience.perSecond).filter(({ failed }) => failed === undefined).length > 20;
  });
  return {
    stop: async () => {
      const seen = await reads();
      await kubectl.delete(`pod/${pod}`, { force: true });
      return seen;
    },
  };
}

/** Pods that pull nothing and sign in. */
const startDeadlineMs = 30_000;

/** Reads what the program printed: `ok DUE` or `failed DUE REASON`, one line a request, in the order in which they ended. */
export function parsePatientReads(log: string): PatientRead[] {
  const reads: PatientRead[] = [];
  for (const line of log.split("\n")) {
    const [word, due, ...reason] = line.split(" ");
    if (word === "ok") reads.push({ dueMs: Number(due), failed: undefined });
    else if (word === "failed") reads.push({ dueMs: Number(due), failed: reason.join(" ") });
  }
  return reads;
}

/** How many of the requests that were due in some time failed. */
export interface ReadsFailed {
  readonly failed: number;
  readonly of: number;
}

/**
 * Counts the requests that were due within `forMs` from `fromMs` (the reader's clock). Errors: RangeError where a tenth or more of
 * what was due then is not in the log: a reader that was not there has not been served.
 */
export function readsFailed(reads: readonly PatientRead[], fromMs: number, forMs: number): ReadsFailed {
  const due = reads.filter(({ dueMs }) => dueMs >= fromMs && dueMs < fromMs + forMs);
  const expected = (forMs / 1_000) * patience.perSecond;
  if (due.length < expected * 0.9) throw new RangeError(`${due.length} of ${expected} requests are in the log`);
  return { failed: due.filter(({ failed }) => failed !== undefined).length, of: due.length };
}

/** The address is looked up once, as the name's server may be on the node that is lost; TLS still checks the name. */
export const patientProgram = `
import collections, os, queue, re, select, socket, sys, threading, time
import psycopg2, psycopg2.extensions
dsn = sys.argv[1] + " user=" + os.environ["app_username"]
dsn += " hostaddr=" + socket.gethostbyname(re.search(r"host=(\\S+)", dsn).group(1))
os.environ["PGPASSWORD"] = os.environ["app_password"]
due_requests, idle, attempt = queue.Queue(), collections.deque(), threading.local()
def wait(connection):
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        reads, writes = [[connection.fileno()] if state == kind else [] for kind in (psycopg2.extensions.POLL_READ, psycopg2.extensions.POLL_WRITE)]
        if not any(select.select(reads, writes, [], max(0, attempt.until - time.time()))):
            raise TimeoutError("no answer in time")
psycopg2.extensions.set_wait_callback(wait)
def read(due):
    reason = "no worker was free"
    while (left := due + ${patience.deadlineMs / 1_000} - time.time()) > 0:
        attempt.until, connection = time.time() + min(${patience.attemptMs / 1_000}, left), None
        try:
            try:
                connection = idle.pop()
            except IndexError:
                connection = psycopg2.connect(dsn)
                connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM (SELECT FROM ledger LIMIT 1) AS first")
            cursor.fetchone()
            idle.append(connection)
            return None
        except Exception as error:
            reason = " ".join(str(error).split())
            try:
                if connection is not None: connection.close()
            except Exception as error:
                reason += ", closing: " + " ".join(str(error).split())
            # What refuses at once is asked again in a moment, not in a busy loop.
            time.sleep(0.05)
    return reason
def work():
    while True:
        due = due_requests.get()
        reason = read(due)
        number = int(due * 1000)
        print(f"ok {number}\\n" if reason is None else f"failed {number} {reason}\\n", end="")
for _ in range(${patience.workers}): threading.Thread(target=work, daemon=True).start()
due = time.time()
while True:
    due_requests.put(due)
    due += 1 / ${patience.perSecond}
    time.sleep(max(0, due - time.time()))
`;
