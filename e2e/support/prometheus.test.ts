import { expect, test } from "vitest";
import { parseMetrics, single, sumBy } from "./prometheus.ts";

const text = `# HELP rest_client_requests_total Requests to the API server.
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",method="GET",host="10.0.0.1:443"} 12
rest_client_requests_total{code="200",method="PATCH",host="10.0.0.1:443"} 3
rest_client_requests_total{code="404",method="GET",host="a \\"quoted\\" {host}"} 1
process_cpu_seconds_total 1.25e-1
`;

test("samples are read with their labels", () => {
  expect(parseMetrics(text)).toHaveLength(4);
  expect(parseMetrics(text)[2]?.labels).toEqual({ code: "404", method: "GET", host: 'a "quoted" {host}' });
});

test("a metric is summed by one of its labels", () => {
  expect(sumBy(parseMetrics(text), "rest_client_requests_total", "method")).toEqual(
    new Map([
      ["GET", 13],
      ["PATCH", 3],
    ]),
  );
});

test("a metric that is not there is an error, not a zero", () => {
  expect(single(parseMetrics(text), "process_cpu_seconds_total")).toBe(0.125);
  expect(() => single(parseMetrics(text), "process_open_fds")).toThrow("process_open_fds");
});
