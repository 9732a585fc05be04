import { verify } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { judge, listDeadLetters } from "./dead-letters.ts";
import { TestApp } from "./testing/app.ts";
import { NatsServers } from "./testing/nats.ts";
import { aConfiguration, aKeyRing, aSigningKey, eventually, modeData, TestQueue } from "./testing/queue.ts";
import { hashOf, writeId } from "./write.ts";

let nats: NatsServers;
let app: TestApp;
let queue: TestQueue;
let keys = aKeyRing();
const signingKey = aSigningKey();

const begin = async (more: { limits?: object; database?: "ReadOnly" | "Normal" | "Draining" } = {}) =>
  TestQueue.start({
    nats,
    configuration: aConfiguration(app, nats, more.limits),
    keys: () => keys,
    signingKey,
    database: more.database ?? "ReadOnly",
  });
const accepted = (key: string) => ({ kind: "accepted", id: writeId(key) });
const summary = () => queue.queue.door.summary();
const drained = () => eventually("nothing is queued", async () => (await summary()).queued === 0);
const refusal = (status: number) => ({ kind: "refused", problem: { status } });

beforeEach(async () => {
  nats = await NatsServers.start();
  app = new TestApp();
  await app.start();
  keys = aKeyRing();
  queue = await begin();
});

afterEach(async () => {
  await queue.stop();
  await app.stop();
  await nats.stop();
});

describe("given a database that takes no writes", () => {
  test("when a write is queued, then it waits, and is applied once the mode is back, with all that belongs to it", async () => {
    expect(await queue.write("k-1", { uri: "/api/projects/7?notify=1", aggregate: "p7" })).toEqual(accepted("k-1"));
    expect(await summary()).toMatchObject({ queued: 1, aggregates: 1, inFlight: 0, deadLetters: 0 });
    expect(app.seen).toEqual([]);

    queue.database = "Draining";
    await drained();
    const [seen] = app.seen;
    expect(seen).toMatchObject({ key: "k-1", method: "PATCH", uri: "/api/projects/7?notify=1", body: '{"key":"k-1"}' });
    expect(seen?.headers).toMatchObject({ "x-request-id": "request of k-1", "content-type": "application/json" });
    const [head = "", payload = "", signature = ""] = String(seen?.headers["x-stemhub-assertion"]).split(".");
    const signed = Buffer.from(`${head}.${payload}`);
    expect(verify(null, signed, signingKey.key, Buffer.from(signature, "base64url"))).toBe(true);
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    expect(claims).toMatchObject({
      iss: "stemhub-queue",
      aud: "api",
      sub: "ada",
      user_iss: "https://studio.example",
      key: "k-1",
    });
    expect(claims.bsh).toBe(hashOf(Buffer.from('{"key":"k-1"}')));
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(60);
  });

  test("when the same key comes again, then it is the same write, before and after it was applied", async () => {
    for (let time = 0; time < 3; time++) expect(await queue.write("k-1")).toEqual(accepted("k-1"));
    queue.database = "Normal";
    await drained();
    expect(await queue.write("k-1")).toEqual(accepted("k-1"));
    expect(app.seen).toHaveLength(1);
  });

  test("when one key comes twice at the same moment, then one is taken, and the other may ask again", async () => {
    const both = await Promise.all([queue.write("k-1"), queue.write("k-1")]);
    expect(both).toMatchObject([accepted("k-1"), refusal(409)]);
  });

  test("when a key comes with another body, or from another author, then it is refused", async () => {
    await queue.write("k-1");
    expect(await queue.write("k-1", { body: "{}" })).toMatchObject(refusal(422));
    expect(await queue.write("k-1", { uri: "/api/projects/8" })).toMatchObject(refusal(422));
    expect(await queue.write("k-1", { sub: "grace" })).toMatchObject(refusal(409));
  });

  test.each([
    ["without a key", "", {}, 400],
    ["with a key of 256 characters", "k".repeat(256), {}, 400],
    ["with a method that reads", "k-1", { method: "GET" }, 400],
    ["with a URI that is none", "k-1", { uri: "https://elsewhere/" }, 400],
    ["on a route that is not queueable", "k-1", { uri: "/api/payments" }, 503],
    ["with a body over its bound", "k-1", { body: "x".repeat(65_537) }, 413],
  ] as const)("when a write comes %s, then it is refused", async (_what, key, arrival, status) => {
    expect(await queue.write(key, arrival)).toMatchObject(refusal(status));
    expect(await summary()).toMatchObject({ queued: 0 });
  });

  test("when its author asks, then it is told what becomes of it; nobody else is", async () => {
    await queue.write("k-1");
    const ask = (sub: string) => queue.queue.door.statusOf(writeId("k-1"), { iss: "https://studio.example", sub });
    expect(await ask("ada")).toMatchObject({ state: "Queued", attempts: 0, aggregate: "/api/projects/7" });
    expect(await ask("grace")).toBeUndefined();
    expect(
      await queue.queue.door.statusOf(writeId("k-2"), { iss: "https://studio.example", sub: "ada" }),
    ).toBeUndefined();
    queue.database = "Normal";
    await drained();
    expect(await ask("ada")).toMatchObject({ state: "Applied", status: 200, attempts: 1 });
    expect(await ask("grace")).toBeUndefined();
  });

  test("when as many wait as may, then further ones are refused, and known keys are not", async () => {
    await queue.stop();
    queue = await begin({ limits: { count: 2 } });
    await eventually("two are taken", async () => {
      await queue.write("k-1");
      await queue.write("k-2");
      return (await summary()).queued === 2;
    });
    expect(await queue.write("k-3")).toMatchObject(refusal(503));
    expect(await queue.write("k-1")).toEqual(accepted("k-1"));
  });

  test("when the store is as full as it may be, then further ones are refused", async () => {
    await queue.stop();
    queue = await begin({ limits: { storeBytes: 2_000 } });
    await queue.write("k-1", { body: "x".repeat(2_000) });
    expect(await queue.write("k-2")).toMatchObject(refusal(503));
  });

  test("when a write has waited longer than it may, then it is a dead letter", async () => {
    await queue.stop();
    queue = await begin({ limits: { ageMs: 1_000 } });
    await queue.write("k-1");
    queue.database = "ReadOnly";
    await eventually("it is one", async () => {
      queue.database = "ReadOnly";
      return (await summary()).deadLetters === 1;
    });
    expect(await letters()).toMatchObject([{ reason: "Expired" }]);
    expect(app.seen).toEqual([]);
  });
});

describe("given a database that is back", () => {
  test("when many wait, then each aggregate is in order, one at a time, and aggregates go beside each other", async () => {
    app.workMs = 5;
    const expected = new Map<string, string[]>();
    for (let n = 0; n < 60; n++) {
      const uri = `/api/projects/${n % 6}`;
      expected.set(uri, [...(expected.get(uri) ?? []), `k-${n}`]);
      await queue.write(`k-${n}`, { uri });
    }
    queue.database = "Draining";
    await drained();
    expect(Object.fromEntries(app.order)).toEqual(Object.fromEntries(expected));
    expect(app.mostAtOnce).toBe(1);
  });

  test("when it drains, then a write of an aggregate with nothing queued passes, and others wait behind theirs", async () => {
    await app.stop();
    await queue.write("k-1", { uri: "/api/projects/1" });
    queue.database = "Draining";
    expect(await queue.write("k-2", { uri: "/api/projects/2" })).toEqual({ kind: "pass" });
    expect(await queue.write("k-3", { uri: "/api/projects/1" })).toEqual(accepted("k-3"));
    await app.start();
    await drained();
    expect(app.order.get("/api/projects/1")).toEqual(["k-1", "k-3"]);
    expect(await queue.write("k-1", { uri: "/api/projects/1" })).toEqual(accepted("k-1"));
    expect(await queue.write("k-4", { uri: "/api/projects/1" })).toEqual({ kind: "pass" });
  });

  test("when a write is poison, then it becomes a dead letter, and neither its aggregate nor others stay", async () => {
    app.fault = ({ key }) => (key === "poison" ? { status: 400 } : undefined);
    for (const key of ["k-1", "poison", "k-2"]) await queue.write(key);
    queue.database = "Draining";
    await drained();
    expect(app.order.get("/api/projects/7")).toEqual(["k-1", "k-2"]);
    expect(await letters()).toMatchObject([{ reason: "Refused", status: 400, id: writeId("poison") }]);
    expect(await summary()).toMatchObject({ queued: 0, deadLetters: 1 });
  });

  test("when the app says that it is read-only, or fails, then it is asked again", async () => {
    let times = 0;
    app.fault = () => {
      times += 1;
      if (times === 1) return { status: 503, headers: { "x-stemhub-error": "read-only" } };
      return times === 2 ? { status: 500 } : undefined;
    };
    await queue.write("k-1");
    queue.database = "Normal";
    await drained();
    expect(app.applied).toEqual(new Map([["k-1", 1]]));
    expect(times).toBe(3);
  });

  test("when the app's answer is lost, then it is sent again where the route has keys, and is else a dead letter", async () => {
    let cuts = 2;
    app.fault = () => (cuts-- > 0 ? "cutAfter" : undefined);
    await queue.write("with-key");
    await queue.write("without", { uri: "/api/comments/1" });
    queue.database = "Normal";
    await drained();
    expect(app.applied).toEqual(
      new Map([
        ["with-key", 1],
        ["without", 1],
      ]),
    );
    expect(await letters()).toMatchObject([{ id: writeId("without"), reason: "OutcomeUnknown" }]);
    expect(app.seen.filter(({ key }) => key === "without")).toHaveLength(1);
  });

  test("when its author's token was revoked meanwhile, then it is never sent", async () => {
    await queue.write("k-1", { jti: "stolen" });
    await queue.write("k-2", { uri: "/api/projects/8" });
    queue.mode.take(modeData("Normal", { fetched: "", tokens: ["stolen"], subjects: {} }));
    await drained();
    expect(app.seen.map(({ key }) => key)).toEqual(["k-2"]);
    expect(await letters()).toMatchObject([{ id: writeId("k-1"), reason: "Revoked" }]);
  });
});

describe("given dead letters", () => {
  beforeEach(async () => {
    app.fault = () => ({ status: 422 });
    await queue.write("k-1");
    await queue.write("k-2", { uri: "/api/projects/8" });
    queue.database = "Normal";
    await drained();
  });

  test("when they are listed, then each tells what it was, and nothing of its body", async () => {
    const [first] = await letters();
    expect(first?.write).toMatchObject({
      method: "PATCH",
      requestId: expect.stringMatching("request of k-"),
      author: "ada (https://studio.example)",
    });
    expect(JSON.stringify(first)).not.toContain('{\\"key');
  });

  test("when one is retried and one dropped, then the first is applied, and no letter is left", async () => {
    app.fault = () => undefined;
    const { store } = queue.queue;
    await judge(store, writeId("k-1"), "retry", Date.now());
    await judge(store, writeId("k-2"), "drop", Date.now());
    await eventually("none is left", async () => {
      const { deadLetters, queued } = await summary();
      return deadLetters + queued === 0;
    });
    expect([...app.applied.keys()]).toEqual(["k-1"]);
    const status = await queue.queue.door.statusOf(writeId("k-2"), { iss: "https://studio.example", sub: "ada" });
    expect(status).toMatchObject({ state: "Dropped" });
    await expect(judge(store, writeId("k-2"), "retry", Date.now())).rejects.toThrow("no dead letter");
  });
});

describe("given data at rest", () => {
  test("when the key is rotated, then new writes have the new one, and old ones are still opened", async () => {
    await queue.write("old");
    const added = aKeyRing("k2");
    keys = { current: "k2", keys: new Map([...keys.keys, ...added.keys]) };
    await queue.write("new", { uri: "/api/projects/8" });
    // As a new process would come up with them.
    await queue.stop();
    queue = await begin({ database: "Normal" });
    await drained();
    expect([...app.applied.keys()].sort()).toEqual(["new", "old"]);
  });

  test("when a key is lost, then its writes are dead letters that can be dropped, and others go on", async () => {
    await queue.write("lost");
    await queue.stop();
    keys = aKeyRing("k2");
    queue = await begin();
    await queue.write("k-2");
    queue.database = "Normal";
    await drained();
    expect([...app.applied.keys()]).toEqual(["k-2"]);
    expect(await letters()).toMatchObject([{ id: writeId("lost"), reason: "Unreadable" }]);
    await judge(queue.queue.store, writeId("lost"), "drop", Date.now());
    await eventually("it is gone", async () => (await summary()).deadLetters === 0);
  });
});

async function letters() {
  return await listDeadLetters(queue.queue.store, queue.queue.index);
}
