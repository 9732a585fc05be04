import type { Member, Topology } from "../stemhub/postgres/topology.ts";

/** A member of `studio`: in sync unless the test says otherwise, and the primary where its ordinal is 0. */
export function aMember(ordinal: number, facts: Partial<Member> = {}): Member {
  const pod = `studio-db-${ordinal}`;
  const role = ordinal === 0 ? "primary" : "replica";
  return {
    ...{ pod, ordinal, role, ready: true, inSync: true, node: `n${ordinal}`, uid: `uid-${pod}` },
    ...{ ending: false, started: true, outdated: false },
    ...{ state: "running", streaming: true, createdMs: 0, volumeLost: false },
    ...facts,
  };
}

/** Three members in sync, the first of them primary; what the test says is laid over it. */
export function aTopology(facts: Partial<Topology> = {}): Topology {
  const members = [0, 1, 2].map((ordinal) => aMember(ordinal));
  return { primary: "studio-db-0", members, initialized: true, settled: true, ...facts };
}

/** Before the first start. */
export const noTopology: Topology = { primary: undefined, members: [], initialized: false, settled: false };
