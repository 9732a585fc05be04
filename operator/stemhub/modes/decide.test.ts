import { describe, expect, test } from "vitest";
import {
  all,
  calm,
  type Evidences,
  failing,
  modesOf,
  next,
  ok,
  settings,
  unknown,
  whenAfter,
} from "../../testing/modes.ts";
import { changeMs, isolatedMs, liftMs, silenceMs } from "./causes.ts";
import { decideModes, type ModeFacts } from "./decide.ts";
import { flapWindowMs } from "./dwell.ts";

describe("given all was Normal, when", () => {
  const changing = { database: { ...calm.database, changing: true } };
  const isolated = { database: { ...calm.database, isolated: true } };
  test.each<[string, Partial<Evidences>, Partial<ModeFacts>, string[]]>([
    ["nothing fails", {}, {}, ["Normal", "Normal", "Healthy"]],
    [
      "writes are silent for less than is told",
      { writes: failing(1, silenceMs - 1) },
      {},
      ["Normal", "Normal", "Healthy"],
    ],
    ["writes are silent", { writes: failing(1, silenceMs) }, {}, ["ReadOnly", "ReadOnly", "WriteUnanswered"]],
    ["the role moves", { writes: failing(1, changeMs - 1) }, changing, ["Normal", "Normal", "Healthy"]],
    [
      "the role moves for too long",
      { primary: failing(1, changeMs) },
      changing,
      ["ReadOnly", "ReadOnly", "PrimaryLost"],
    ],
    ["one read fails", { reads: failing(1) }, {}, ["Normal", "Normal", "Healthy"]],
    ["two reads fail", { reads: failing(2) }, {}, ["Unavailable", "Unavailable", "ReadUnanswered"]],
    [
      "the operator may be cut off",
      { reads: failing(9, 9_000), primary: failing(1, 9_000), writes: failing(1, 9_000) },
      isolated,
      ["Normal", "Normal", "Healthy"],
    ],
    [
      "nobody is reached for so long that its lease would be lost",
      { reads: failing(12, isolatedMs), writes: failing(1, isolatedMs) },
      isolated,
      ["Unavailable", "Unavailable", "ReadUnanswered"],
    ],
    [
      "the disk fills",
      {},
      { database: { ...calm.database, volumeFull: "91 % full" } },
      ["ReadOnly", "ReadOnly", "VolumeFull"],
    ],
    ["storage takes no writes", { storageWrites: failing(3) }, {}, ["Degraded", "Normal", "Healthy"]],
    ["nobody can sign in", { auth: failing(3) }, {}, ["Degraded", "Normal", "Healthy"]],
    [
      "auth fails, and the spec has none",
      { auth: failing(3) },
      { uses: { ...calm.uses, auth: false } },
      ["Normal", "Normal", "Healthy"],
    ],
  ])("%s, then that is its mode", (_, evidence, more, expected) => {
    expect(modesOf(whenAfter(60_000, evidence, more))).toEqual(expected);
  });

  test("storage fails, then reads that go on are told from those that do not", () => {
    const storage = (evidence: Partial<Evidences>) => whenAfter(1, evidence).document.capabilities.storage.mode;
    expect(storage({ storageWrites: failing(3) })).toBe("Degraded");
    expect(storage({ storageWrites: failing(3), storageReads: failing(3) })).toBe("Unavailable");
  });

  test("storage fails, then users read its sentence, and only of what fails", () => {
    const { document } = whenAfter(1, { storageReads: failing(3), storageWrites: failing(3) });
    expect(document.message).toBe("Working offline - changes will sync when reconnected");
    expect(document.capabilities.auth.message).toBe("");
  });

  test("storage and database fail, then users read the database's sentence", () => {
    const { document } = whenAfter(1, { storageReads: failing(3), writes: failing(1, silenceMs) });
    expect(document.message).toBe(settings.messages.database);
  });

  test("a silence is too short to be told, then it is looked at again when it is not", () => {
    expect(whenAfter(60_000, { writes: failing(1, 2_000) }).reviewInMs).toBe(silenceMs - 2_000);
  });
});

describe("given a StemHub that is being made", () => {
  const born: ModeFacts = { ...calm, evidence: all(unknown), database: { ...calm.database, started: false } };
  test("then nothing works yet, and that is no flip", () => {
    const { document, flips } = decideModes(born);
    expect([document.mode, document.capabilities.auth.reason, flips]).toEqual(["Unavailable", "Starting", []]);
  });

  test("and goes from there to Normal in one step, however its parts come up", () => {
    const first = decideModes({ ...calm, evidence: all(unknown), database: { ...calm.database, started: false } });
    const halfway = next(first, 1_000, { ...all(unknown), reads: ok });
    expect(modesOf(halfway)).toEqual(["Unavailable", "Unavailable", "Starting"]);
    const up = next(halfway, 2_000);
    expect(modesOf(up)).toEqual(["Normal", "Normal", "Healthy"]);
    expect(up.flips.filter(({ capability }) => capability === "database")).toHaveLength(1);
  });

  test("then its epoch is above that of one that had its name before", () => {
    const later = decideModes({ ...born, now: calm.now + 5_000 });
    expect(later.document.epoch).toBeGreaterThan(decideModes(born).document.epoch);
  });
});

describe("given the database was read-only", () => {
  const lost = whenAfter(60_000, { writes: failing(1, silenceMs) });
  test("when it takes writes again for the first time, then it returns at once", () => {
    const back = next(lost, 500, { writes: { state: "ok", forMs: 0 } });
    expect(modesOf(back)).toEqual(["Normal", "Normal", "Healthy"]);
  });

  test("when another operator leads, which knows nothing yet, then it stays so", () => {
    expect(next(lost, 500, all(unknown)).document).toEqual(lost.document);
  });

  test("when writes are answered and reads are not, then one does not hide the other", () => {
    expect(modesOf(next(lost, 500, { reads: failing(2) }))).toEqual(["Unavailable", "Unavailable", "ReadUnanswered"]);
  });

  test("when it takes writes again and some are queued, then they go first, for a bounded time", () => {
    const drainMs = 60_000;
    const waiting = (pending: number) => ({ queue: { pending, drainMs } });
    const draining = next(lost, 500, {}, waiting(7));
    expect(modesOf(draining)).toEqual(["Degraded", "Draining", "QueuedWrites"]);
    expect(draining.reviewInMs).toBe(drainMs);
    expect(modesOf(next(draining, 500, {}, waiting(0)))[0]).toBe("Normal");
    expect(modesOf(next(draining, 500, {}, { queue: undefined }))[0]).toBe("Normal");
    expect(modesOf(next(draining, drainMs - 1, {}, waiting(1)))[0]).toBe("Degraded");
    expect(modesOf(next(draining, drainMs, {}, waiting(1)))[0]).toBe("Normal");
  });

  test("when its disk has room again, then users wait until PostgreSQL has heard of it", () => {
    const volumeFull = "91 % full";
    const full = whenAfter(1, {}, { database: { ...calm.database, volumeFull, liftedForMs: 0 } });
    const lifted = (liftedForMs: number | undefined) => ({ database: { ...calm.database, liftedForMs } });
    expect(modesOf(next(full, 60_000, {}, lifted(1_000)))).toEqual(["ReadOnly", "ReadOnly", "WritesReturning"]);
    expect(modesOf(next(full, 60_000, {}, lifted(undefined)))).toEqual(["ReadOnly", "ReadOnly", "WritesReturning"]);
    expect(modesOf(next(full, 60_000, {}, lifted(liftMs)))[0]).toBe("Normal");
  });
});

describe("given a database that failed, came back and failed again", () => {
  const lost = whenAfter(60_000, { writes: failing(1, silenceMs) });
  const back = next(lost, 500);
  const again = next(back, 10_000, { writes: failing(1, silenceMs) });

  test("then it is told at once", () => {
    expect(modesOf(again)[0]).toBe("ReadOnly");
  });

  test("when it takes writes again, then users wait until it has done well for the dwell time", () => {
    const well = (forMs: number) => ({ writes: { state: "ok", forMs } as const });
    const early = next(again, 14_999, well(14_000));
    expect([modesOf(early)[0], early.reviewInMs]).toEqual(["ReadOnly", 1_000]);
    expect(modesOf(next(again, 60_000, well(14_999)))[0]).toBe("ReadOnly");
    expect(modesOf(next(again, 15_000, well(15_000)))[0]).toBe("Normal");
  });

  test("when that was more than two minutes ago, then the next time counts as the first", () => {
    const later = next(back, flapWindowMs + 1, { writes: failing(1, silenceMs) });
    expect(modesOf(next(later, 10))[0]).toBe("Normal");
  });

  test("when the clock is set back by an hour, then no time is measured by it", () => {
    expect(modesOf(next(again, -3_600_000))[0]).toBe("Normal");
  });
});
