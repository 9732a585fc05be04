import { accountFor, startLoadBy } from "../e2e/support/database-load.ts";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import { patience, type ReadsFailed, readsFailed, startPatientReads } from "../e2e/support/patient-reads.ts";
import type { Contender } from "./contender.ts";
import type { FailoverCase } from "./failover-cases.ts";

/** What one fault did to one database, once. */
export interface Measured {
  /** The longest time between two acknowledgements in a row. */
  readonly writeGapSeconds: number;
  readonly readGapSeconds: number;
  /**
   * From the fault, or from its end where it does not end by itself, to two standbys in the primary's quorum, to half a
   * second. Null where that did not come about within the fault's bound: a peer may fail so, a StemHub may not.
   */
  readonly wholeSeconds: number | null;
  readonly acknowledgedRows: number;
  readonly lostRows: number;
  /** Of a patient reader's requests, where there was one. */
  readonly reads: ReadsFailed | null;
}

/** How long a cut lasts at least: 6,000 reads. */
const cutMs = 60_000;

/** Before a fault: three in sync, of which one may have a new pod. */
const settledDeadlineMs = 120_000;

/** A database that has lost its primary without notice takes its lock's time (ttl) and some rounds. */
const resumeDeadlineMs = 120_000;

/**
 * Lets one fault happen to a database under load, and waits until it is whole again.
 *
 * Errors: where the load never felt the fault, as such a run says nothing; where writes do not go on, or a StemHub is not whole within the fault's bound.
 * A fault that does not end by itself is ended all the same; pods of the load go with the namespace.
 */
export async function measureFailover(contender: Contender, fault: FailoverCase): Promise<Measured> {
  const { database, prefix } = contender;
  const { kubectl } = database;
  await freshMembers(contender);
  await contender.untilInSync(settledDeadlineMs);
  const primary = await contender.primary();
  const node = await nodeOf(kubectl, primary);
  const avoid = fault.losesNode ? node : undefined;
  const client = await contender.client(avoid);
  const route = contender.route(avoid);
  const reader = fault.losesNode ? await startPatientReads(kubectl, prefix, route) : undefined;
  const load = await startLoadBy(kubectl, prefix, route);
  let seconds: number | null;
  let reads: ReadsFailed | null = null;
  try {
    let began = performance.now();
    const beganAtMs = Date.now();
    await fault.happens(database, primary);
    await load.feltByWriter(resumeDeadlineMs);
    await load.goesOn(20, resumeDeadlineMs);
    if (reader) {
      await remaining(beganAtMs + cutMs + patience.deadlineMs);
      reads = readsFailed(await reader.stop(), beganAtMs, cutMs);
    }
    if (fault.ends) {
      await fault.ends(node);
      began = performance.now();
    }
    seconds = await wholeAfter(contender, fault, began);
  } finally {
    await fault.ends?.(node);
  }
  // Before a peer is mended: what that does to its load is not the fault's.
  const ledgers = await load.stop();
  if (seconds === null) await mend(contender);
  const account = await accountFor(ledgers, client);
  return {
    writeGapSeconds: account.writeGapMs / 1_000,
    readGapSeconds: account.readGapMs / 1_000,
    wholeSeconds: seconds,
    acknowledgedRows: account.acknowledged,
    lostRows: account.missing.length,
    reads,
  };
}

/** Null where plain Patroni is not whole within the fault's bound. Errors: where a StemHub is not. */
async function wholeAfter(contender: Contender, fault: FailoverCase, began: number): Promise<number | null> {
  const left = fault.wholeWithinSeconds * 1_000 - (performance.now() - began);
  try {
    await contender.untilInSync(Math.max(1_000, left));
    return (performance.now() - began) / 1_000;
  } catch (error) {
    if (contender.name === "plain Patroni") return null;
    throw error;
  }
}

/** What a person would do about members that do not come back by themselves. */
async function mend({ database, untilInSync }: Contender): Promise<void> {
  await database.kubectl.delete(`pod -l ${database.members}`, { force: true });
  await untilInSync(settledDeadlineMs);
}

/**
 * Gives new pods to members whose container was started again: kubelet lets each further start wait longer, which would
 * be measured as the next fault's.
 */
async function freshMembers({ database, untilInSync }: Contender): Promise<void> {
  const { kubectl, members } = database;
  for (const pod of await kubectl.list("pods", members)) {
    const { containerStatuses = [] } = (pod.status ?? {}) as { containerStatuses?: { restartCount: number }[] };
    if (containerStatuses.every(({ restartCount }) => restartCount === 0)) continue;
    await untilInSync(settledDeadlineMs);
    await kubectl.delete(`pod/${pod.metadata.name}`, { wait: true });
    await kubectl.wait(`pod/${pod.metadata.name}`, "create", settledDeadlineMs);
    await kubectl.wait(`pod/${pod.metadata.name}`, "condition=Ready", settledDeadlineMs);
  }
}

async function nodeOf(kubectl: Kubectl, pod: string): Promise<string> {
  return ((await kubectl.get(`pod/${pod}`)).spec as { nodeName: string }).nodeName;
}

function remaining(untilMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs - Date.now())));
}
