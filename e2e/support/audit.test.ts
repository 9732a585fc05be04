import { expect, test } from "vitest";
import { parseAudit, writesBesideLease } from "./audit.ts";

const operator = "system:serviceaccount:stemhub-system:stemhub-operator";

const log = [
  event("patch", { resource: "leases", name: "stemhub-operator" }),
  event("patch", { resource: "stemhubs", subresource: "status", name: "studio" }),
  event("get", { resource: "secrets", name: "studio-ca" }),
  event("watch", { resource: "pods" }, "ResponseStarted"),
  event("create", { resource: "pods" }, "ResponseComplete", "system:kube-controller-manager"),
  '{"verb":"patch","user":{"username":"system:serviceaccount:stemhub-sys',
].join("\n");

test("only the user's complete requests are read, and a line cut off is left out", () => {
  expect(parseAudit(log, operator).map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([
    "patch leases",
    "patch stemhubs/status",
    "get secrets",
  ]);
});

test("a write is whatever could change something, but for the Lease", () => {
  expect(writesBesideLease(parseAudit(log, operator))).toEqual([
    { verb: "patch", resource: "stemhubs/status", name: "studio", atMs: Date.parse("2026-01-01T00:00:00Z") },
  ]);
});

function event(verb: string, objectRef: object, stage = "ResponseComplete", username = operator): string {
  return JSON.stringify({
    verb,
    stage,
    objectRef,
    user: { username },
    requestReceivedTimestamp: "2026-01-01T00:00:00Z",
  });
}
