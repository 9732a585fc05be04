import { describe, expect, test } from "vitest";
import { aStemHub } from "../../testing/stemhub.ts";
import { StalledError } from "../stalled.ts";
import { checkedParameters, parameterProblems, restartHash } from "./parameters.ts";

describe("given parameters that PostgreSQL takes, then there is no problem", () => {
  test.each([
    ["work_mem", "16MB"],
    ["work_mem", "4096"],
    ["shared_buffers", "25600"],
    ["shared_buffers", "1GB"],
    ["checkpoint_timeout", "10min"],
    ["checkpoint_timeout", "30"],
    ["random_page_cost", "1.1"],
    ["autovacuum_vacuum_scale_factor", ".05"],
    ["log_min_duration_statement", "-1"],
    ["log_min_duration_statement", "250ms"],
    ["jit", "off"],
    ["wal_compression", "lz4"],
    ["timezone", "UTC"],
    ["pg_stat_statements.track", "all"],
  ])("%s = %s", (name, value) => {
    expect(parameterProblems({ [name]: value })).toEqual([]);
  });
});

describe("given parameters that PostgreSQL would refuse, then a sentence says which and why", () => {
  test.each([
    ["work_memory", "16MB", "work_memory is no parameter of PostgreSQL 17"],
    ["block_size", "8192", "block_size is no parameter of PostgreSQL 17"],
    ["work_mem", "banana", "work_mem: banana is not a number"],
    ["work_mem", "16Mi", "work_mem: 16Mi has no unit of B, kB, 8kB, MB, GB, TB"],
    ["work_mem", "1kB", "work_mem: 1kB is not between 64kB and 2147483647kB"],
    ["max_connections", "200s", "max_connections: 200s takes no unit"],
    ["checkpoint_timeout", "2d", "checkpoint_timeout: 2d is not between 30s and 86400s"],
    ["jit", "maybe", "jit: maybe is not on or off"],
    ["wal_compression", "zip", "wal_compression: zip is none of pglz, lz4, zstd, on, off"],
  ])("%s = %s", (name, value, sentence) => {
    expect(parameterProblems({ [name]: value })).toEqual([sentence]);
  });

  test("and the database is left as it is", () => {
    const stemhub = aStemHub({ database: { parameters: { work_mem: "banana" } } });
    expect(() => checkedParameters(stemhub)).toThrow(StalledError);
  });
});

describe("given a change of parameters, then the members restart", () => {
  const hash = (parameters?: Record<string, string>) => restartHash(aStemHub({ database: { parameters } }));
  test("for one that only a restart takes up", () => {
    expect(hash({ shared_buffers: "256MB" })).not.toBe(hash({ shared_buffers: "512MB" }));
    expect(hash({ shared_buffers: "256MB" })).not.toBe(hash());
  });
  test("and not for one that is reloaded, nor for another order", () => {
    expect(hash({ work_mem: "16MB" })).toBe(hash());
    const [a, b] = [{ max_connections: "300" }, { shared_buffers: "256MB" }];
    expect(hash({ ...a, ...b })).toBe(hash({ ...b, ...a }));
  });
});
