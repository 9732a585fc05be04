import type { Clock, Timer } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log.ts";
import { type ArchiveFacts, archiveQuery, readArchive } from "./archive.ts";
import {
  type DatabaseFacts,
  databaseQuery,
  heartbeat,
  type MemberFacts,
  memberQuery,
  readDatabase,
  readMember,
} from "./facts.ts";
import { type Findings, judgeWrites, type WriteEvidence, type WriteTrouble } from "./findings.ts";
import type { Login, MemberAddress, OpenSession, Row, Session } from "./session.ts";

/** One member that is asked. */
export interface ProbedMember {
  readonly pod: string;
  /** Of this pod, and not of the next one with its name. */
  readonly uid: string;
  readonly address: MemberAddress;
}

/** Whom a probe asks. */
export interface ProbeTarget {
  readonly primary: ProbedMember;
  /** All that are ready, the primary among them. */
  readonly members: readonly ProbedMember[];
  readonly login: Login;
  /** Its WAL is to be archived: it is asked about that too. */
  readonly archives: boolean;
}

/** What a probe is made of. */
export interface ProbeParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly open: OpenSession;
  /** Does anything take a connection at an address? Ends within its deadline. */
  readonly reaches: (ip: string, port: number, deadlineMs: number) => Promise<boolean>;
  /** Called when a write was answered. */
  readonly answered: () => void;
  /** Called when the findings may be others. */
  readonly changed: () => void;
}

/** For a connection, and for an answer to a read. */
const answerDeadlineMs = 2_000;

/** A write that is due each second and has had no answer for so long: it is found out whether anybody is there. */
const doubtMs = 1_400;

/** For that, so that it is known when the silence is told (modes/causes.ts, silenceMs). */
const reachDeadlineMs = 1_000;

/**
 * Facts are asked for every tenth round: ten seconds, in which a disk that fills at 100 MB/s takes 1 GB. Every third cost an idle
 * operator a millicore more, and with it more than its six (bench operator).
 */
const roundsPerFacts = 10;

/** SQLSTATE classes that say something of the probe and nothing of the database: not let in, no such table, no right. */
const refusals = ["28", "3D", "42"];

/** What is said by somebody who is there: PostgreSQL that starts or ends (57P), and sockets that are closed. */
const absences = ["57P", "ECONNREFUSED", "ECONNRESET", "EPIPE"];

/**
 * Asks one database whether it works: one write after the other on a session of its own, reads on others.
 *
 * Guarantees: a write that waits is never given up and never joined by a second (facts.ts, heartbeat); a read that is late
 * loses its session; a change of target keeps what was learned of members that stay.
 */
export class DatabaseProbe {
  readonly #parts: ProbeParts;
  #target: ProbeTarget;
  #writer: Session | undefined;
  #writing = false;
  readonly #readers = new Map<string, Session>();
  readonly #members = new Map<string, MemberFacts>();
  #database: DatabaseFacts | undefined;
  #archive: ArchiveFacts | undefined;
  #answered: WriteEvidence["answeredAt"];
  #everAnswered = false;
  #reads = false;
  #reachable: boolean | undefined;
  #refusal: string | undefined;
  #trouble: WriteTrouble | undefined;
  #doubt: Timer | undefined;
  #round = 0;

  constructor(target: ProbeTarget, parts: ProbeParts) {
    this.#target = target;
    this.#parts = parts;
    this.#answered = this.#now();
    this.#doubtLater();
  }

  /** Asks others from now on. With another primary all that is known of writes is forgotten. */
  aim(target: ProbeTarget): void {
    const another = target.primary.uid !== this.#target.primary.uid;
    this.#target = target;
    const pods = new Set(target.members.map(({ pod }) => pod));
    for (const pod of this.#members.keys()) if (!pods.has(pod)) this.#members.delete(pod);
    const uids = new Set(target.members.map(({ uid }) => uid));
    for (const [uid, session] of this.#readers) if (!uids.has(uid)) this.#drop(uid, session);
    if (another || !target.archives) this.#archive = undefined;
    if (!another) return;
    this.#writer?.close();
    this.#writer = undefined;
    this.#writing = false;
    this.#answered = this.#now();
    this.#everAnswered = false;
    this.#reads = false;
    this.#reachable = undefined;
    this.#refusal = undefined;
    this.#trouble = undefined;
    this.#database = undefined;
    this.#doubtLater();
  }

  /** What is known now. */
  findings(): Findings {
    const evidence = {
      answeredAt: this.#answered,
      everAnswered: this.#everAnswered,
      reachable: this.#reachable,
      reads: this.#reads,
      refusal: this.#refusal,
    };
    return {
      primary: this.#target.primary.pod,
      writes: judgeWrites(evidence, this.#parts.clock.monotonic()),
      trouble: this.#reachable === false ? "unreachable" : this.#trouble,
      members: Object.fromEntries(this.#members),
      database: this.#database,
      archive: this.#archive,
    };
  }

  /** One round; ends within a few seconds, whatever hangs. */
  async look(): Promise<void> {
    const { clock } = this.#parts;
    await this.#write();
    const silent = clock.monotonic() - this.#answered.monotonicMs > answerDeadlineMs;
    if (silent) await this.#reach(answerDeadlineMs);
    if (silent || this.#round % roundsPerFacts === 0) await this.#askForFacts();
    this.#round += 1;
    this.#parts.changed();
  }

  /** Closes every session. */
  close(): void {
    this.#doubt?.clear();
    this.#writer?.close();
    for (const [uid, session] of this.#readers) this.#drop(uid, session);
  }

  #now(): WriteEvidence["answeredAt"] {
    const { clock } = this.#parts;
    return { monotonicMs: clock.monotonic(), wallMs: clock.now() };
  }

  /** Is anybody there? */
  async #reach(deadlineMs: number): Promise<void> {
    const { primary } = this.#target;
    const asked = this.#answered;
    const reachable = await this.#parts.reaches(primary.address.ip, primary.address.port, deadlineMs);
    // Meanwhile a write was answered, or another is primary.
    if (asked !== this.#answered) return;
    this.#reachable = reachable;
    // Nothing waits for a standby there: what is under way would only be sent again, ever more seldom, when the way is open.
    if (!reachable) this.#writer?.close();
  }

  /** Looks for the reason of a silence before it is told. */
  #doubtLater(): void {
    this.#doubt?.clear();
    this.#doubt = this.#parts.clock.setTimer(doubtMs, () => void this.#reach(reachDeadlineMs));
  }

  /** Begins a write unless one is under way; returns when it can be, not when it is answered. */
  async #write(): Promise<void> {
    if (this.#writing && this.#writer?.open) return;
    const { open } = this.#parts;
    const { primary, login } = this.#target;
    try {
      if (!this.#writer?.open) this.#writer = await open(primary.address, login, answerDeadlineMs);
    } catch (error) {
      this.#failed(error);
      return;
    }
    // While it was opened another may have become primary.
    if (this.#target.primary.uid !== primary.uid) {
      this.#writer.close();
      return;
    }
    const session = this.#writer;
    this.#writing = true;
    this.#trouble = "silent";
    session.query(heartbeat).then(
      () => {
        if (session !== this.#writer) return;
        this.#writing = false;
        this.#answered = this.#now();
        this.#everAnswered = true;
        this.#refusal = undefined;
        this.#trouble = undefined;
        this.#reachable = undefined;
        this.#doubtLater();
        this.#parts.answered();
        this.#parts.changed();
      },
      (error: unknown) => {
        session.close();
        if (session !== this.#writer) return;
        this.#writing = false;
        this.#failed(error);
      },
    );
  }

  #failed(error: unknown): void {
    const { code = "", message } = error as { code?: string; message: string };
    const refusal = refusals.some((kind) => code.startsWith(kind)) ? `PostgreSQL says: ${message}` : undefined;
    if (refusal !== undefined && refusal !== this.#refusal) {
      this.#parts.log.warn({ pod: this.#target.primary.pod, reason: message }, "the probe is not let in");
    }
    this.#refusal = refusal;
    const absent = absences.some((kind) => code.startsWith(kind)) || message.includes("Connection terminated");
    this.#trouble = refusal === undefined ? (absent ? "refused" : "silent") : "notLetIn";
  }

  async #askForFacts(): Promise<void> {
    const { primary, members, archives } = this.#target;
    const itself = ({ pod }: ProbedMember) => ({
      statement: memberQuery,
      take: (rows: readonly Row[]) => this.#members.set(pod, readMember(rows)),
    });
    const database = {
      statement: databaseQuery,
      take: (rows: readonly Row[]) => {
        this.#database = readDatabase(rows);
      },
    };
    const archive = {
      statement: archiveQuery,
      take: (rows: readonly Row[]) => {
        if (this.#target.primary.uid === primary.uid) this.#archive = readArchive(rows);
      },
    };
    const others = members.filter(({ uid }) => uid !== primary.uid);
    const [reads] = await Promise.all([
      this.#ask(primary, [database, itself(primary), ...(archives ? [archive] : [])]),
      ...others.map((member) => this.#ask(member, [itself(member)])),
    ]);
    if (this.#target.primary.uid === primary.uid) this.#reads = reads;
  }

  /** Asks one member one thing after the other. Returns whether all had an answer in time. */
  async #ask(member: ProbedMember, questions: readonly Question[]): Promise<boolean> {
    const { log, clock } = this.#parts;
    const done = new AbortController();
    let session: Session | undefined;
    try {
      session = await this.#reader(member);
      const late = clock.sleep(answerDeadlineMs, done.signal).then((): never => {
        throw new Error(`no answer within ${answerDeadlineMs / 1_000} s`);
      });
      for (const { statement, take } of questions) take(await Promise.race([session.query(statement), late]));
      return true;
    } catch (error) {
      log.debug({ pod: member.pod, reason: String(error) }, "a member did not say how it does");
      if (session) this.#drop(member.uid, session);
      return false;
    } finally {
      done.abort();
    }
  }

  async #reader({ uid, address }: ProbedMember): Promise<Session> {
    const known = this.#readers.get(uid);
    if (known?.open) return known;
    const opened = await this.#parts.open(address, this.#target.login, answerDeadlineMs);
    this.#readers.set(uid, opened);
    return opened;
  }

  #drop(uid: string, session: Session): void {
    session.close();
    if (this.#readers.get(uid) === session) this.#readers.delete(uid);
  }
}

/** A statement, and what becomes of its answer. */
interface Question {
  readonly statement: string;
  readonly take: (rows: readonly Row[]) => void;
}
