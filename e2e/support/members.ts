import type { Kubectl } from "./kubectl.ts";

/** Who is primary, as Patroni's store has it. */
export interface Lock {
  readonly leader: string;
  /** How often the lock has passed to another. */
  readonly transitions: number;
  /** When its holder last renewed it, in ms since the epoch. */
  readonly renewedMs: number;
}

/** Patroni's lock of a StemHub's database. */
export async function lockOf(kubectl: Kubectl, stemhub: string): Promise<Lock> {
  const { leader, transitions, renewTime } =
    (await kubectl.get(`configmap/${stemhub}-db-leader`)).metadata.annotations ?? {};
  if (!leader || !renewTime) throw new Error(`nobody holds the lock of ${stemhub}-db`);
  return { leader, transitions: Number(transitions), renewedMs: Date.parse(renewTime) };
}

/** Names of the database's pods, by ordinal. */
export async function memberPods(kubectl: Kubectl, stemhub: string): Promise<string[]> {
  return (await kubectl.list("pods", `stemhub.dev/database=${stemhub}-db`)).map(({ metadata }) => metadata.name).sort();
}

/** Lets the PostgreSQL of a pod hang while it runs, or go on: its server and all that it has forked, and not Patroni. */
export async function signalPostgres(kubectl: Kubectl, pod: string, signal: "STOP" | "CONT"): Promise<void> {
  const script = `p=$(head -n 1 /data/pg/postmaster.pid); kill -${signal} $p $(cat /proc/$p/task/$p/children)`;
  await kubectl.exec(pod, ["bash", "-c", script]);
}

/** What members said of themselves over some time. */
export interface Watched {
  /** Those that were primary at some moment. */
  readonly primaries: readonly string[];
  /** A promotion anywhere begins a new timeline, which stays in its file. */
  readonly timelines: ReadonlySet<number>;
  /** How often each was asked. */
  readonly asked: number;
}

const askEveryMs = 250;

/**
 * Asks every member, four times a second, whether it is primary and on which timeline it is. Inside the pods, over their
 * sockets: whatever is cut between them.
 *
 * Errors: CommandError when a member did not answer throughout, as one that is demoted or restarts.
 */
export async function watchMembers(kubectl: Kubectl, pods: readonly string[], forMs: number): Promise<Watched> {
  const asked = Math.ceil(forMs / askEveryMs);
  const look = "SELECT pg_is_in_recovery(), timeline_id FROM pg_control_checkpoint()";
  const script = `${look} \\watch interval=${askEveryMs / 1_000} count=${asked}\n`;
  const psql = ["psql", "-h", "/run/postgresql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qAt", "-P", "footer=off"];
  const answers = await Promise.all(
    pods.map(async (pod) => {
      const said = await kubectl.exec(pod, psql, { input: script, deadlineMs: forMs * 2 + 20_000 });
      // \watch puts a title above each answer.
      const rows = said.split("\n").filter((line) => /^[tf]\|\d+$/.test(line));
      if (rows.length < asked) throw new Error(`${pod} answered ${rows.length} times of ${asked}:\n${said}`);
      return { pod, rows };
    }),
  );
  return {
    primaries: answers.filter(({ rows }) => rows.some((row) => row.startsWith("f|"))).map(({ pod }) => pod),
    timelines: new Set(answers.flatMap(({ rows }) => rows.map((row) => Number(row.slice(2))))),
    asked,
  };
}
