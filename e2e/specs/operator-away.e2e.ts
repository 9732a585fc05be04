import { afterAll, beforeAll, expect, test } from "vitest";
import type { ModeDocument } from "../../operator/api/mode-document.ts";
import { chooseCluster } from "../cluster/choose.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { eventually } from "../support/deadline.ts";
import { echoComponent, echoFault } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { followMode, modeOf, refusal, untilMode } from "../support/mode.ts";
import { operatorRelease } from "../support/namespace.ts";
import { scaleOperator } from "../support/operator.ts";
import { apiServerPeer, keepApart, podPeer } from "../support/partition.ts";
import { untilStemHub } from "../support/ready.ts";
import { adminKubectl, echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* Who decides about the mode is away, or cannot be heard: the last mode stands and traffic flows. */
const kubectl = inNamespace("e2e-operator-away");
const system = adminKubectl().in(operatorRelease.namespace);
const collaboration = "studio-collaboration";

const studio = (modes: object = {}) => {
  const { postgres: image } = environment().images;
  const spec = {
    release: { version: "1.0.0", images: { api: image, collaboration: image } },
    components: { api: echoComponent("api"), collaboration: echoComponent("collaboration") },
    gateway: {
      replicas: 1,
      routes: [
        { path: "/", component: "api" },
        { path: "/live/", component: "collaboration", capability: "collaboration" },
      ],
    },
    modes: { dwellSeconds: 1, probes: { collaboration: { path: "/probe", periodSeconds: 1, failures: 2 } }, ...modes },
  };
  return echoStemHub("studio", { spec });
};

let cluster: Cluster;
let gateway: GatewayClient;

beforeAll(async () => {
  ({ cluster } = await chooseCluster());
  await kubectl.apply(studio());
  await untilStemHub(kubectl, "studio");
  gateway = await GatewayClient.open(kubectl, "studio");
  await untilMode(gateway, "Normal", 60_000, isNormal);
}, 240_000);

afterAll(async () => {
  gateway?.close();
  await scaleOperator(system, 2);
}, 120_000);

test("given an outage that an operator has told, when it goes and another comes, then nobody is told that all is well until it is", async () => {
  await echoFault(kubectl, collaboration, "erroring");
  await untilMode(gateway, "Degraded", 20_000, isDegraded);
  const following = followMode(gateway);

  await scaleOperator(system, 0);
  await stands("Degraded");
  await scaleOperator(system, 2);
  // Another sentence comes from nobody but an operator that works.
  const sentence = "Nobody can play along at the moment";
  await kubectl.apply(studio({ messages: { collaboration: sentence } }));
  await untilMode(gateway, "told by another operator", 60_000, ({ message }) => message === sentence);
  await stands("Degraded");
  await echoFault(kubectl, collaboration, "well");
  await untilMode(gateway, "Normal again", 40_000, isNormal);

  const seen = await following.end();
  const first = seen.findIndex(isNormal);
  expect(first).toBe(seen.length - 1);
  expectRising(seen);
}, 240_000);

test("given an outage that ends while no operator is there, then its mode stands until one is back, and users are not held up", async () => {
  await echoFault(kubectl, collaboration, "frozen");
  await untilMode(gateway, "Degraded", 20_000, isDegraded);
  const following = followMode(gateway);

  await scaleOperator(system, 0);
  const { epoch } = await modeOf(gateway);
  await echoFault(kubectl, collaboration, "well");
  await stands("Degraded");
  expect((await modeOf(gateway)).epoch).toBe(epoch);
  await scaleOperator(system, 2);
  await untilMode(gateway, "Normal again", 60_000, isNormal);
  await gateway.expect(200, "/live/room");
  expectRising(await following.end());
}, 240_000);

test("given a gateway that cannot hear the API server, then its last mode stands and requests flow, and it catches up when it can", async () => {
  const [pod] = await kubectl.list("pods", "app.kubernetes.io/component=gateway");
  const apart = await keepApart(
    cluster,
    await podPeer(kubectl, pod?.metadata.name ?? ""),
    await apiServerPeer(kubectl),
  );
  try {
    await echoFault(kubectl, collaboration, "erroring");
    await eventually("the operator has told it", 20_000, async () => isDegraded(await published()));
    await gateway.expect(200, "/songs");
    await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
    expect((await modeOf(gateway)).epoch).toBeLessThanOrEqual((await published()).epoch);
  } finally {
    await apart.end();
  }
  await untilMode(gateway, "Degraded", 90_000, isDegraded);
  expect((await modeOf(gateway)).epoch).toBe((await published()).epoch);
  await echoFault(kubectl, collaboration, "well");
  await untilMode(gateway, "Normal again", 40_000, isNormal);
}, 240_000);

/** What is told is still so, and traffic flows by it. */
async function stands(mode: "Degraded"): Promise<void> {
  expect((await modeOf(gateway)).mode).toBe(mode);
  refusal(await gateway.expect(503, "/live/room"));
  await gateway.expect(200, "/songs");
  await gateway.expect(200, "/songs", { method: "POST", body: { title: "Blue Room" } });
}

/** What the operator has written last. */
async function published(): Promise<ModeDocument> {
  const { data } = await kubectl.get("configmap/studio-mode");
  return JSON.parse((data as Record<string, string>)["mode.json"] ?? "") as ModeDocument;
}

function expectRising(seen: readonly ModeDocument[]): void {
  const epochs = seen.map(({ epoch }) => epoch);
  expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
}

function isNormal({ mode }: ModeDocument): boolean {
  return mode === "Normal";
}

function isDegraded({ mode }: ModeDocument): boolean {
  return mode === "Degraded";
}
