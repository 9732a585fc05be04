import { expect, test } from "vitest";
import { readWrk } from "./gateway.ts";

const said = (rest: string) => `Running 5s test @ https://127.0.0.1:1/
  1 threads and 32 connections
  Latency Distribution
     50%    6.89ms
     90%   12.10ms
     99%   ${rest}`;

test.each([
  ["1.20ms\n  9 requests in 5.00s, 1MB read\nRequests/sec:   1862.34\n", { requestsPerSecond: 1862.34, p99Ms: 1.2 }],
  ["980.00us\n  9 requests in 5.00s, 1MB read\nRequests/sec:     10.00\n", { requestsPerSecond: 10, p99Ms: 0.98 }],
  ["1.05s\n  9 requests in 5.00s, 1MB read\nRequests/sec:      1.00\n", { requestsPerSecond: 1, p99Ms: 1050 }],
])("wrk's words are read, whatever its units", (text, expected) => {
  expect(readWrk(said(text))).toEqual(expected);
});

test("answers that were none are no figure", () => {
  const text = said("1.20ms\n  Non-2xx or 3xx responses: 4\nRequests/sec:   1862.34\n");
  expect(() => readWrk(text)).toThrow(/Non-2xx/);
});
