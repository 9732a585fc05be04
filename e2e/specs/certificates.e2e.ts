import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, type DatabaseLoad, startLoad } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { GatewayClient } from "../support/gateway.ts";
import { untilMode } from "../support/mode.ts";
import { untilStemHub } from "../support/ready.ts";
import { secretToken, signedIn } from "../support/sign-in.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-certificates");

/** Everything of the StemHub that shows a certificate of its authority, and how a client reaches it. */
const servers = [
  ...[0, 1, 2].flatMap((member) => [
    { host: `studio-db-${member}.studio-db-pods`, port: 5432, starttls: "postgres" },
    { host: `studio-db-${member}.studio-db-pods`, port: 8008 },
  ]),
  ...["studio-db", "studio-db-rw", "studio-db-ro"].map((host) => ({ host, port: 5432, starttls: "postgres" })),
  { host: "studio-gateway", port: 443 },
];

const secret = "a secret of these tests, which is long enough";

const studio = (modes: object = {}) => {
  const queue = { aggregate: "/albums/{album}", idempotency: "key" };
  const routes = [
    { path: "/", component: "api" },
    { path: "/albums/", component: "api", access: "User", writes: "Queue", queue },
  ];
  return echoStemHub("studio", {
    spec: {
      certificates: { lifetime: "5m" },
      database: { storage: { size: "1Gi" } },
      auth: { hs256: { secret: { name: "sign-in", key: "secret" } } },
      queue: { replicas: 1, storage: { size: "256Mi" } },
      gateway: { replicas: 1, routes },
      modes,
    },
  });
};

let database: DatabaseClient;
let load: DatabaseLoad;

beforeAll(async () => {
  const metadata = { name: "sign-in" };
  await kubectl.apply({ apiVersion: "v1", kind: "Secret", metadata, stringData: { secret } }, studio());
  await untilStemHub(kubectl, "studio");
  const image = environment().images.postgres;
  database = await databaseClient(kubectl, "studio", image);
  load = await startLoad(kubectl, "studio", { image, database });
}, 180_000);

test("given certificates that hold 5 minutes, when the first have ended, then all show new ones, and nobody has noticed", async () => {
  const before = await lives();
  const first = await shown();
  const firstEnd = Math.max(...first.map(ends));

  // Due half-way; each look is ten handshakes.
  await sleep(Math.max(0, firstEnd - 140_000 - Date.now()));
  const serials = first.map(({ serialNumber }) => serialNumber);
  const anew = async () => {
    const now = await shown();
    return now.every(({ serialNumber }, i) => serialNumber !== serials[i]) && now;
  };
  const renewed = await eventually("all show another certificate", firstEnd - Date.now(), anew, 5_000);
  console.log(
    `certificates of 5 minutes: shown anew by all ${((firstEnd - Date.now()) / 1_000).toFixed(0)} s before the end`,
  );
  expect(Math.min(...renewed.map(ends))).toBeGreaterThan(firstEnd + 60_000);

  await sleep(Math.max(0, firstEnd + 5_000 - Date.now()));
  // The next renewal is at hand, and Patroni refuses connections to its REST port for the tenth of a second that it opens it anew.
  await eventually("all are verified", 15_000, shown, 2_000);
  for (const at of ["db", "db-rw", "db-ro"] as const) {
    expect(await database.sql("SELECT 1", { at, sslmode: "verify-full" })).toBe("1");
  }

  await load.goesOn(20, 10_000);
  const { missing, unanswered, said } = await accountOf(load, database);
  console.log(`certificates of 5 minutes: ${said}`);
  expect(missing).toEqual([]);
  expect(unanswered).toEqual([]);
  expect(await lives()).toEqual(before);
  const events = await kubectl.run(["get", "events", "--field-selector=reason=CertificateRenewed", "-o", "name"]);
  expect(events).not.toBe("");
}, 420_000);

test("given the same certificates, then the gateway still reaches the queue, and the operator hears from it", async () => {
  const expires = `${new Date(Date.now() + 600_000).toISOString().slice(0, 19)}Z`;
  await kubectl.apply(studio({ override: { mode: "ReadOnly", reason: "we move house", expires } }));
  const gateway = await GatewayClient.open(kubectl, "studio");
  try {
    await untilMode(gateway, "ReadOnly", 30_000, ({ mode }) => mode === "ReadOnly");
    const { headers } = signedIn(secretToken(secret));
    const write = { method: "POST", headers: { ...headers, "idempotency-key": "kept" }, body: {} } as const;
    await gateway.expect(202, "/albums/blue/songs", write);
    await untilStemHub(kubectl, "studio", "jsonpath={.status.queue.pending}=1", 60_000);
  } finally {
    gateway.close();
  }
}, 180_000);

/** The certificate of each server, verified as libpq's verify-full does it: authority, host and time. */
async function shown(): Promise<X509Certificate[]> {
  const ask = servers.map(({ host, port, starttls }) => {
    const name = `${host}.${kubectl.namespace}.svc`;
    const how = `-CAfile /etc/authority/ca.crt -verify_return_error -verify_hostname ${name} ${starttls ? `-starttls ${starttls}` : ""}`;
    return `openssl s_client -connect ${name}:${port} ${how} </dev/null 2>/dev/null | openssl x509`;
  });
  const script = ["set -euo pipefail", ...ask].join("\n");
  const text = await kubectl.exec("studio-client", ["bash", "-c", script], { deadlineMs: 30_000 });
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  expect(found).toHaveLength(servers.length);
  return found.map((pem) => new X509Certificate(pem));
}

function ends({ validToDate }: X509Certificate): number {
  return validToDate.getTime();
}

/** Which containers live, and how often each was restarted. */
async function lives(): Promise<readonly string[]> {
  const pods = await kubectl.list("pods", "app.kubernetes.io/instance=studio");
  return pods.flatMap(({ metadata, status }: KubeObject) => {
    const { containerStatuses = [] } = status as { containerStatuses?: { name: string; restartCount: number }[] };
    return containerStatuses.map(({ name, restartCount }) => `${metadata.uid} ${name} ${restartCount}`);
  });
}
