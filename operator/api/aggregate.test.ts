import { expect, test } from "vitest";
import { aggregateOf } from "./aggregate.ts";

test.each([
  ["/api/projects/{id}", "/api/projects/7", "/api/projects/7"],
  ["/api/projects/{id}", "/api/projects/7/versions/3", "/api/projects/7"],
  ["/api/projects/{id}", "/api/projects", "/api/projects"],
  ["/api/projects/{id}", "/api/projects/", "/api/projects"],
  ["/api/projects/{id}", "/api/other/7", "/api"],
  ["/api/{kind}/{id}", "/api/stems/9/x", "/api/stems/9"],
  ["/api/projects/{id}", "/", "/"],
  ["projects", "/api/projects/7", "projects"],
])("given the expression %s, when %s is written, then it belongs to %s", (expression, path, aggregate) => {
  expect(aggregateOf(expression, path)).toBe(aggregate);
});

test("given a segment that fits no header, then there is no aggregate", () => {
  expect(aggregateOf("/a/{id}", `/a/${"x".repeat(600)}`)).toBeUndefined();
});
