import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ModeDocument } from "../../operator/api/mode-document.ts";
import { defaultMessages } from "../../operator/api/modes.ts";
import { eventually } from "../support/deadline.ts";
import { type EchoFault, echoComponent, echoFault } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { signalPostgres } from "../support/members.ts";
import { followMode, modeOf, refusal, untilMode } from "../support/mode.ts";
import { privilegedNamespace, signalComponent } from "../support/node-process.ts";
import { untilStemHub } from "../support/ready.ts";
import { type Relay, type RelayCut, startRelay } from "../support/relay.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* Whatever a part of the platform does wrong, users are told what it means for them, the others go on, and it comes back by itself. */
const kubectl = inNamespace("e2e-outages");
/** DAW parsing is a service outside: here one that is a component for the test's ease. */
const services = { collaboration: "studio-collaboration", auth: "studio-auth", dawParsing: "studio-updates" } as const;
const places = { storage: "/uploads/", collaboration: "/live/", auth: "/sign-in/", dawParsing: "/parse/" } as const;
type Service = keyof typeof services;

/** Every second, with a deadline of one: three seconds are two failures. */
const probe = { path: "/probe", periodSeconds: 1, timeoutSeconds: 1, failures: 2 };
const dwellSeconds = 5;
const toldWithinMs = 20_000;
const wellWithinMs = 40_000;

const studio = (storage: Pick<Relay, "endpoint">) => {
  const { postgres: image } = environment().images;
  const { path: _, ...timing } = probe;
  const named = ["api", "collaboration", "auth", "updates"];
  return echoStemHub("studio", {
    spec: {
      release: { version: "1.0.0", images: Object.fromEntries(named.map((name) => [name, image])) },
      storage: {
        endpoint: storage.endpoint,
        bucket: environment().storage.bucket,
        credentialsSecret: { name: "s3" },
        caConfigMap: { name: "s3-ca" },
      },
      components: Object.fromEntries(named.map((name) => [name, echoComponent(name)])),
      dawParsing: { url: `http://studio-updates.${kubectl.namespace}.svc.cluster.local:8080` },
      gateway: {
        replicas: 1,
        routes: [
          { path: "/", component: "api" },
          { path: places.storage, component: "api", capability: "storage" },
          { path: places.collaboration, component: "collaboration", capability: "collaboration" },
          { path: places.auth, component: "auth", capability: "auth" },
          { path: places.dawParsing, component: "updates", capability: "dawParsing" },
        ],
      },
      modes: {
        dwellSeconds,
        probes: { storage: timing, collaboration: probe, auth: probe, dawParsing: { ...probe, failures: 1 } },
      },
    },
  });
};

let gateway: GatewayClient;
let relay: Relay;

beforeAll(async () => {
  const { images, storage } = environment();
  const { accessKeyId, secretAccessKey } = storage;
  relay = await startRelay(kubectl, { name: "s3-relay", image: images.postgres, to: storage });
  await kubectl.apply(
    { apiVersion: "v1", kind: "Secret", metadata: { name: "s3" }, stringData: { accessKeyId, secretAccessKey } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s3-ca" }, data: { "ca.crt": relay.ca } },
    studio(relay),
  );
  await untilStemHub(kubectl, "studio");
  gateway = await GatewayClient.open(kubectl, "studio");
  await untilMode(gateway, "Normal", 60_000, ({ mode }) => mode === "Normal");
}, 240_000);

afterAll(() => gateway?.close());

/** Each service does something else wrong at the same time, and each does everything wrong once. */
describe.each<Record<Service, EchoFault> & { readonly storage?: RelayCut }>([
  { collaboration: "gone", auth: "frozen", dawParsing: "slow", storage: "refused" },
  { collaboration: "frozen", auth: "slow", dawParsing: "erroring", storage: "silent" },
  { collaboration: "slow", auth: "erroring", dawParsing: "gone" },
  { collaboration: "erroring", auth: "gone", dawParsing: "frozen" },
])(
  "given collaboration $collaboration, auth $auth, dawParsing $dawParsing, storage $storage",
  ({ storage, ...faults }) => {
    const broken = [...Object.keys(services), ...(storage ? ["storage"] : [])] as (keyof typeof places)[];
    const each = Object.keys(services) as Service[];

    test("then users read each one's sentence, all else goes on, and all come back by themselves", async () => {
      await Promise.all([
        ...each.map((service) => echoFault(kubectl, services[service], faults[service])),
        ...(storage ? [relay.cut(storage)] : []),
      ]);
      await untilMode(gateway, "told of all", toldWithinMs, ({ capabilities }) =>
        broken.every((capability) => capabilities[capability].mode !== "Normal"),
      );
      for (const capability of broken) {
        const answer = await gateway.expect(503, `${places[capability]}a`, { method: "PUT", body: {} });
        expect(refusal(answer)).toMatchObject({ detail: defaultMessages[capability], capability });
      }
      await goesOn();
      expect((await modeOf(gateway)).capabilities.database.mode).toBe("Normal");

      await Promise.all([relay.mend(), ...each.map((service) => echoFault(kubectl, services[service], "well"))]);
      await untilMode(gateway, "Normal again", wellWithinMs, ({ mode }) => mode === "Normal");
      for (const capability of broken) await gateway.expect(200, `${places[capability]}a`, { method: "PUT", body: {} });
    }, 120_000);
  },
);

describe("given a service that fails every other second for two minutes, and one failure is enough", () => {
  const flappedMs = 120_000;
  let following: ReturnType<typeof followMode>;
  let began: number;

  beforeAll(async () => {
    following = followMode(gateway);
    await echoFault(kubectl, services.dawParsing, "flapping");
    began = performance.now();
  });

  test("given database and storage down at once, then both are told, and one that recovers does not hide the other", async () => {
    const database = (signal: "STOP" | "CONT") => signalPostgres(kubectl, "studio-db-0", signal);
    const is = (what: string, wanted: Record<"database" | "storage", boolean>) =>
      untilMode(gateway, what, wellWithinMs, ({ capabilities: { database, storage } }) => {
        return (
          database.mode === (wanted.database ? "Normal" : "Unavailable") &&
          (storage.mode === "Normal") === wanted.storage
        );
      });
    await Promise.all([database("STOP"), relay.cut("silent")]);
    try {
      const { mode, message } = await is("without both", { database: false, storage: false });
      expect({ mode, message }).toEqual({ mode: "Unavailable", message: defaultMessages.database });
      await relay.mend();
      await is("without the database", { database: false, storage: true });
      expect(refusal(await gateway.expect(503, "/songs"))).toMatchObject({ detail: defaultMessages.database });
      await relay.cut("refused");
      await is("without both again", { database: false, storage: false });
    } finally {
      await database("CONT");
    }
    const { mode } = await is("without storage", { database: true, storage: false });
    expect(mode).toBe("Degraded");
    await goesOn();
    await relay.mend();
    await is("with both", { database: true, storage: true });
  }, 240_000);

  test("when the gateway's mode-agent is killed while something fails, then the last mode stands, requests flow, and it catches up", async () => {
    await echoFault(kubectl, services.auth, "erroring");
    await untilMode(gateway, "without auth", toldWithinMs, ({ capabilities }) => capabilities.auth.mode !== "Normal");
    await killModeAgent();
    refusal(await gateway.expect(503, places.auth));
    await goesOn();
    await echoFault(kubectl, services.auth, "well");
    await eventually("signing in works again", wellWithinMs, async () => {
      return (await gateway.request(places.auth)).status === 200;
    });
    const { capabilities } = await modeOf(gateway);
    expect(capabilities.auth.mode).toBe("Normal");
  }, 120_000);

  test("then it is not called well before it has done well for its dwell time, and it is once it does", async () => {
    await sleep(Math.max(0, flappedMs - (performance.now() - began)));
    await echoFault(kubectl, services.dawParsing, "well");
    const isWell = ({ capabilities }: ModeDocument) => capabilities.dawParsing.mode === "Normal";
    await untilMode(gateway, "with DAW parsing", wellWithinMs, isWell);
    const told = (await following.end()).map(({ capabilities }) => capabilities.dawParsing);
    const changes = told.filter(({ mode }, i) => i > 0 && mode !== told[i - 1]?.mode);
    const outages = changes.flatMap(({ mode, since }, i) => {
      const end = changes[i + 1];
      return mode === "Normal" || !end ? [] : [Date.parse(end.since) - Date.parse(since)];
    });
    const seconds = outages.map((ms) => (ms / 1_000).toFixed(1)).join(", ");
    console.log(
      `a service that fails every other second: its mode changed ${changes.length} times, was worse for ${seconds} s`,
    );
    expect(changes.at(-1)?.mode).toBe("Normal");
    expect(Math.min(...outages)).toBeGreaterThanOrEqual(dwellSeconds * 1_000);
  }, 240_000);
});

async function goesOn(): Promise<void> {
  await gateway.expect(200, "/songs");
  await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
}

/** As a crash would: its process is killed from its node. */
async function killModeAgent(): Promise<void> {
  const nodes = await privilegedNamespace(adminKubectl(), "e2e-outages-nodes");
  const { postgres: image } = environment().images;
  await signalComponent(kubectl, { component: "gateway", command: "mode-agent", nodes, image }, "KILL");
}
