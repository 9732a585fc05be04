import { expect, test } from "vitest";
import { readSettings } from "./settings.ts";

const images = [
  "--postgres-image=p:1",
  "--database-proxy-image=h:1",
  "--gateway-image=g:1",
  "--queue-image=q:1",
  "--nats-image=n:1",
];
const read = (flags: string[], env = {}) => readSettings(["node", "main.ts", ...images, ...flags], env);

test("given only the images, then the rest has safe defaults", () => {
  expect(read([])).toMatchObject({
    images: { postgres: "p:1", databaseProxy: "h:1", gateway: "g:1" },
    clusterDomain: "cluster.local",
    watchNamespaces: [],
    metricsPort: 8080,
    logLevel: "info",
  });
});

test("given a pod's environment, then the Lease is in its namespace and held by a name that a restart does not repeat", () => {
  const { leaderElection } = read([], { POD_NAME: "operator-0", POD_NAMESPACE: "stemhub-system" });
  expect(leaderElection.namespace).toBe("stemhub-system");
  expect(leaderElection.identity).toMatch(/^operator-0-[0-9a-f]{8}$/);
});

test.each([
  ["", []],
  ["music", ["music"]],
  ["music, studio,", ["music", "studio"]],
])("given --watch-namespaces=%j, then %j are watched", (text, namespaces) => {
  expect(read([`--watch-namespaces=${text}`]).watchNamespaces).toEqual(namespaces);
});
