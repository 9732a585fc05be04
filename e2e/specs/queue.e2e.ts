import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deadLetters } from "../support/dead-letters.ts";
import { eventually } from "../support/deadline.ts";
import { echoComponent } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { refusal, untilMode } from "../support/mode.ts";
import { untilStemHub } from "../support/ready.ts";
import { secretToken, signedIn } from "../support/sign-in.ts";
import { echoStemHub, inNamespace } from "../support/suite.ts";

/* Writes that come while the database takes none: kept, applied once and in order, and told. */
const kubectl = inNamespace("e2e-queue");
const secret = "a secret of these tests, which is long enough";
const albums = ["blue", "grey", ...Array.from({ length: 38 }, (_, n) => `album${n}`)];
const songsEach = 5;
/** So long the app takes to answer, once it has made a change: long enough for everything to be killed meanwhile. */
const takes = "?takes=1";

const studio = (modes: object = {}) => {
  const api = echoComponent("hello");
  const route = { path: "/albums/", component: "api", access: "User", writes: "Queue" };
  return echoStemHub("studio", {
    spec: {
      auth: { hs256: { secret: { name: "sign-in", key: "secret" } } },
      components: { api: { ...api, env: [...(api.env as object[]), { name: "APPLIED", value: "/tmp/applied" }] } },
      queue: { replicas: 1, storage: { size: "256Mi" } },
      gateway: {
        replicas: 1,
        routes: [
          { path: "/", component: "api" },
          { ...route, queue: { aggregate: "/albums/{album}", idempotency: "key" } },
        ],
      },
      modes,
    },
  });
};

let gateway: GatewayClient;

beforeAll(async () => {
  const metadata = { name: "sign-in" };
  await kubectl.apply({ apiVersion: "v1", kind: "Secret", metadata, stringData: { secret } }, studio());
  await untilStemHub(kubectl, "studio");
  gateway = await GatewayClient.open(kubectl, "studio");
  await untilMode(gateway, "Normal", 30_000, ({ mode }) => mode === "Normal");
}, 180_000);

afterAll(() => gateway?.close());

test("while the database takes writes, they go to the app as ever", async () => {
  await gateway.expect(200, "/albums/blue/songs", write("ada", "direct"));
  expect(await applied()).toEqual(["direct"]);
});

describe("given a database that takes no writes", () => {
  const places = new Map<string, string>();

  beforeAll(async () => {
    const expires = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
    await kubectl.apply(studio({ override: { mode: "ReadOnly", reason: "we move house", expires } }));
    await untilMode(gateway, "ReadOnly", 20_000, ({ mode }) => mode === "ReadOnly");
  }, 40_000);

  test("then each write is kept: 202, and a place where its author sees what becomes of it", async () => {
    for (let song = 0; song < songsEach; song += 1) {
      const round = albums.map(async (album) => {
        const key = `${album}-${song}`;
        const answer = await gateway.expect(202, `/albums/${album}/songs${takes}`, write("ada", key));
        expect(answer.headers).toMatchObject({ "x-stemhub-mode": "ReadOnly" });
        places.set(key, String(answer.headers.location));
      });
      await Promise.all(round);
    }
    expect(await applied()).toEqual(["direct"]);
    const place = places.get("blue-0") ?? "";
    expect((await gateway.expect(200, place, as("ada"))).json()).toMatchObject({ aggregate: "/albums/blue" });
    await gateway.expect(404, place, as("bob"));
    await gateway.expect(401, place);
  }, 60_000);

  test.each([
    ["the same write again has the same place", "blue-0", { title: "blue-0" }, 202],
    ["another write under its key is refused", "blue-0", { title: "another" }, 422],
    ["one without a key is refused", undefined, { title: "no key" }, 400],
  ])("%s", async (_, key, body, status) => {
    const { headers } = as("ada");
    const answer = await gateway.expect(status, `/albums/blue/songs${takes}`, {
      method: "POST",
      headers: { ...headers, ...(key === undefined ? {} : { "idempotency-key": key }) },
      body,
    });
    if (status === 202) expect(answer.headers.location).toBe(places.get("blue-0"));
    else expect(answer.json()).toMatchObject({ status });
  });

  test("a route whose writes are not queued refuses them in words", async () => {
    refusal(await gateway.expect(503, "/songs", { method: "POST", body: {} }));
  });

  test("when it takes writes again, and queue, NATS and app are killed in turn, then each was applied once, in order, or is listed", async () => {
    const keys = [...places.keys()];
    expect(keys).toHaveLength(albums.length * songsEach);
    const queued = async () => (await applied()).filter((key) => key !== "direct");
    const applies = (share: number) => {
      const count = Math.ceil(keys.length * share);
      return eventually(`${count} of ${keys.length} writes are applied`, 120_000, async () => {
        return (await queued()).length >= count;
      });
    };
    await killPods("queue");
    await kubectl.apply(studio());
    await applies(0.1);
    await killPods("queue-store");
    await applies(0.4);
    await kubectl.exec("deploy/studio-api", ["bash", "-c", "kill -TERM 1"]);
    await applies(0.6);
    await killPods("queue");
    await eventually("none of them waits", 180_000, async () => {
      return (await queued()).length + (await deadLetters(kubectl, "studio")) >= keys.length;
    });
    await untilMode(gateway, "Normal again", 120_000, ({ mode }) => mode === "Normal");

    const [found, dead] = [await queued(), await deadLetters(kubectl, "studio")];
    console.log(
      `${keys.length} writes queued, and all parts killed in turn: ${found.length} applied, ${dead} dead letters`,
    );
    expect(new Set(found).size).toBe(found.length);
    expect(found.length + dead).toBe(keys.length);
    expect(keys).toEqual(expect.arrayContaining(found));
    for (const album of albums) {
      const ofAlbum = found.filter((key) => key.startsWith(`${album}-`));
      expect(ofAlbum).toEqual(ofAlbum.toSorted());
    }
    const state = async () => (await gateway.expect(200, places.get("grey-3") ?? "", as("ada"))).json().state;
    await expect.poll(state, { timeout: 60_000 }).toBe("Applied");
    await gateway.expect(200, "/albums/blue/songs", write("ada", "afterwards"));
  }, 400_000);
});

async function killPods(component: "queue" | "queue-store"): Promise<void> {
  const labels = `app.kubernetes.io/instance=studio,app.kubernetes.io/component=${component}`;
  await kubectl.delete(`pod -l ${labels}`, { force: true });
}

/** Keys that the app has applied, in that order. */
async function applied(): Promise<readonly string[]> {
  return (await gateway.expect(200, "/applied")).json<string[]>();
}

function write(user: string, key: string) {
  const headers = { ...as(user).headers, "idempotency-key": key };
  return { method: "POST", headers, body: { title: key } } as const;
}

function as(sub: string) {
  return signedIn(secretToken(secret, { sub }));
}
