import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Environment, prepare } from "../e2e/environment.ts";
import type { Progress } from "../e2e/progress.ts";
import { auditedRequests } from "../e2e/support/audit.ts";
import { faultyStemHub } from "../e2e/support/database-faults.ts";
import { untilInSync } from "../e2e/support/database-load.ts";
import { deadLetters } from "../e2e/support/dead-letters.ts";
import { echoComponent } from "../e2e/support/echo.ts";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import { namespaceFor, operatorRelease } from "../e2e/support/namespace.ts";
import { untilStemHub } from "../e2e/support/ready.ts";
import { type Relay, startRelay } from "../e2e/support/relay.ts";
import { secretToken } from "../e2e/support/sign-in.ts";
import { echoStemHubOf } from "../e2e/support/studio.ts";
import { type ModesFault, modesFaults } from "./modes-faults.ts";
import { GatewayEars } from "./modes-gateways.ts";
import { modesRows, type ToldRun } from "./modes-rows.ts";
import type { Row } from "./report.ts";

const namespace = "bench-modes";
/** A name of its own: the audit log has those of all namespaces. */
const name = "bench";
const secret = "a secret of this bench, which is long enough";
const writesEachRun = 40;

/** Three failures, five seconds apart at first, and a deadline of two seconds each; and as much again for a busy machine. */
const toldDeadlineMs = 60_000;
/** Dwell time, and what hangs has to be found again. */
const wellDeadlineMs = 120_000;
/** The queue tries again after a minute at most. */
const drainedDeadlineMs = 90_000;

/**
 * How soon every gateway pod tells that something does not work, with the defaults of the spec; whether a switchover is told as
 * an outage; and what becomes of writes that are queued while the database takes none. Needs no cluster beforehand.
 *
 * Units: seconds from the fault's beginning to the arrival of the event at this machine, so what begins it and a forwarded port
 * are counted in; ms from the arrival of the operator's write at the API server, by its audit log.
 */
export async function benchModes(progress: Progress, runs: number): Promise<Row[]> {
  const environment = await prepare(progress);
  const { kubectl: admin, cluster } = environment;
  let ears: GatewayEars | undefined;
  try {
    const kubectl = await namespaceFor(admin, namespace, { fresh: true, bound: true });
    const relay = await progress.step("A StemHub", () => aStemHub(environment, kubectl));
    const gateways = await GatewayEars.open(kubectl, name);
    ears = gateways;
    const faults = modesFaults(kubectl, name, relay).map((fault) => ({ fault, runs: [] as ToldRun[] }));
    const [outagesOfSwitchovers, writesLost]: [number[], number[]] = [[], []];
    for (let run = 1; run <= runs; run += 1) {
      for (const { fault, runs: told } of faults) {
        await progress.step(`${fault.name}, run ${run} of ${runs}`, async (inner) => {
          const queued = fault.capability === "database";
          const { lost, ...one } = await once(kubectl, gateways, fault, { auditLog: cluster.auditLog, queued });
          told.push(one);
          if (queued) writesLost.push(lost);
          inner.say(
            `${(Math.max(...one.toldMs) / 1_000).toFixed(1)} s, from the decision ${Math.max(...one.decidedMs)} ms`,
          );
        });
      }
      await progress.step(`switchover, run ${run} of ${runs}`, async () => {
        outagesOfSwitchovers.push(await outagesOfSwitchover(kubectl, gateways, environment.images.postgres));
      });
    }
    return modesRows({
      faults: new Map(faults.map(({ fault, runs }) => [fault.name, { targetSeconds: fault.targetSeconds, runs }])),
      outagesOfSwitchovers,
      writesLost,
    });
  } finally {
    ears?.close();
    await admin.delete(`namespace/${namespace}`, { wait: true });
  }
}

async function once(
  kubectl: Kubectl,
  gateways: GatewayEars,
  fault: ModesFault,
  { auditLog, queued }: { readonly auditLog: string | undefined; readonly queued: boolean },
): Promise<ToldRun & { readonly lost: number }> {
  await gateways.untilWell(fault.capability, wellDeadlineMs);
  let fromMs: number;
  let told: Awaited<ReturnType<GatewayEars["heardOf"]>>;
  let accepted: readonly string[] = [];
  try {
    fromMs = await fault.begin();
    told = await gateways.heardOf(fault.capability, fromMs, toldDeadlineMs);
    if (queued) accepted = await queueWrites(gateways, fromMs);
  } finally {
    await fault.end();
  }
  await gateways.untilWell(fault.capability, wellDeadlineMs);
  const firstMs = Math.min(...told.map(({ atMs }) => atMs));
  const decidedAtMs = auditLog && (await decisionMs(auditLog, { fromMs, toMs: firstMs }));
  return {
    toldMs: told.map(({ atMs }) => atMs - fromMs),
    decidedMs: decidedAtMs ? told.map(({ atMs }) => atMs - decidedAtMs) : [],
    lost: queued ? await lostOf(kubectl, gateways, accepted) : 0,
  };
}

/** When the API server got the write of the mode that was told first. Units: ms since 1970. Errors: where there was none. */
async function decisionMs(
  auditLog: string,
  between: { readonly fromMs: number; readonly toMs: number },
): Promise<number> {
  const user = `system:serviceaccount:${operatorRelease.namespace}:${operatorRelease.serviceAccount}`;
  const requests = await auditedRequests(auditLog, user, between);
  const writes = requests.filter((one) => one.resource === "configmaps" && one.name === `${name}-mode`);
  if (writes.length === 0) throw new Error("the audit log has no write of the mode that was told");
  return Math.max(...writes.map(({ atMs }) => atMs));
}

/** Sends writes that are kept for later; returns their keys. Errors: where one is answered otherwise than by 202. */
async function queueWrites({ any: gateway }: GatewayEars, nowMs: number): Promise<readonly string[]> {
  const keys = Array.from({ length: writesEachRun }, (_, n) => `${nowMs}-${n}`);
  const authorization = `Bearer ${secretToken(secret)}`;
  const send = (key: string, n: number) => {
    const headers = { authorization, "idempotency-key": key };
    return gateway.expect(202, `/albums/${n % 8}/songs`, { method: "POST", headers, body: { title: key } });
  };
  await Promise.all(keys.map(send));
  return keys;
}

/** How many of these were neither applied nor are listed as dead letters, some time after the database takes writes. */
async function lostOf(kubectl: Kubectl, { any: gateway }: GatewayEars, keys: readonly string[]): Promise<number> {
  const untold = async () => {
    const applied = new Set((await gateway.expect(200, "/applied")).json<string[]>());
    return Math.max(0, keys.filter((key) => !applied.has(key)).length - (await deadLetters(kubectl, name)));
  };
  const until = Date.now() + drainedDeadlineMs;
  for (;;) {
    const left = await untold();
    if (left === 0 || Date.now() > until) return left;
    await sleep(1_000);
  }
}

/** How often the database's mode was worse because of a switchover that was asked for. */
async function outagesOfSwitchover(kubectl: Kubectl, gateways: GatewayEars, image: string): Promise<number> {
  await untilInSync(kubectl, name, wellDeadlineMs);
  const fromMs = Date.now();
  // Nothing is done to a node.
  await faultyStemHub(kubectl, name, { image, nodes: kubectl }).switchOver();
  await untilInSync(kubectl, name, wellDeadlineMs);
  await gateways.untilWell("database", wellDeadlineMs);
  return gateways.outagesSince("database", fromMs);
}

/** Ready, with every capability and a queue, and two gateway pods; storage is reached through a relay. */
async function aStemHub({ images, cluster }: Environment, kubectl: Kubectl): Promise<Relay> {
  const { endpoint, accessKeyId, secretAccessKey, caFile, buckets } = cluster.s3;
  const to = { endpoint, ca: await readFile(caFile, "utf8") };
  const relay = await startRelay(kubectl, { name: "s3-relay", image: images.postgres, to });
  const named = ["api", "collaboration", "auth", "updates"];
  const probe = { path: "/probe" };
  const keys = { accessKeyId, secretAccessKey };
  await kubectl.apply(
    { apiVersion: "v1", kind: "Secret", metadata: { name: "s3" }, stringData: keys },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "sign-in" }, stringData: { secret } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s3-ca" }, data: { "ca.crt": relay.ca } },
    echoStemHubOf(images.postgres, name, {
      spec: {
        release: { version: "1.0.0", images: Object.fromEntries(named.map((one) => [one, images.postgres])) },
        database: { storage: { size: "1Gi" } },
        storage: {
          endpoint: relay.endpoint,
          bucket: buckets[0],
          credentialsSecret: { name: "s3" },
          caConfigMap: { name: "s3-ca" },
        },
        components: Object.fromEntries(named.map((one) => [one, echoComponent(one)])),
        dawParsing: { url: `http://${name}-updates.${namespace}.svc.cluster.local:8080` },
        auth: { hs256: { secret: { name: "sign-in", key: "secret" } } },
        queue: { replicas: 1, storage: { size: "256Mi" } },
        gateway: {
          replicas: 2,
          routes: [
            { path: "/", component: "api" },
            {
              path: "/albums/",
              component: "api",
              access: "User",
              writes: "Queue",
              queue: { aggregate: "/albums/{album}", idempotency: "key" },
            },
          ],
        },
        modes: { probes: { collaboration: probe, auth: probe, dawParsing: probe } },
      },
    }),
  );
  await untilStemHub(kubectl, name);
  return relay;
}
