import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createMetrics } from "../../runtime/metrics.ts";
import { FakeClock } from "../../testing/clock.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { authTexts } from "./documents.ts";
import { fetchDeadlineMs, fetchDocument, mostAnswerBytes } from "./fetch.ts";
import { readKeySet } from "./key-set.ts";
import { createAuthMetrics } from "./metrics.ts";
import { AnswerRefused } from "./refused.ts";
import { readRevocations } from "./revocation-list.ts";
import { authTarget } from "./targets.ts";
import { watchAuth } from "./watch.ts";

const rsa = { kty: "RSA", kid: "a", use: "sig", alg: "RS256", n: "AQAB", e: "AQAB" };
const keySet = (...keys: object[]) => JSON.stringify({ keys });
const key = { namespace: "music", name: "studio" };

/** The reason for which something is refused. */
function refusal(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    if (error instanceof AnswerRefused) return error.reason;
    throw error;
  }
}

describe("an answer is a key set only if it is one", () => {
  test.each([
    ["a key", keySet(rsa), "none"],
    ["a page", "<html>", "NotJson"],
    ["null", "null", "NotAKeySet"],
    ["a list", "[]", "NotAKeySet"],
    ["a key that is a text", '{"keys":["a"]}', "NotAKeySet"],
    ["no keys", keySet(), "NoUsableKey"],
    ["keys that the gateway cannot verify by", keySet({ kty: "OKP", crv: "Ed25519", x: "AA" }), "NoUsableKey"],
    ["a private key", keySet(rsa, { ...rsa, d: "AQAB" }), "PrivateKey"],
    ["a secret", keySet(rsa, { kty: "oct", k: "c2VjcmV0" }), "PrivateKey"],
    ["65 keys", keySet(...Array.from({ length: 65 }, () => rsa)), "TooManyKeys"],
  ])("given %s: %s: %s", (_, text, reason) => expect(refusal(() => readKeySet(text))).toBe(reason));

  test("what is no part of verifying is left out, and so are keys of other kinds", () => {
    const kept = readKeySet(keySet({ ...rsa, x5c: ["AAAA"], note: "x" }, { kty: "OKP", crv: "Ed25519", x: "AA" }));
    expect(kept).toEqual([rsa]);
  });
});

describe("an answer is a list of revocations only if it is one", () => {
  test.each([
    ['{"tokens":["a"],"subjects":{"ada":1800000000}}', "none"],
    ['{"tokens":[]}', "none"],
    ['{"subjects":{}}', "none"],
    ["{}", "NotAList"],
    ["[]", "NotAList"],
    ['{"tokens":[1]}', "NotAList"],
    ['{"tokens":"a"}', "NotAList"],
    ['{"subjects":{"ada":"now"}}', "NotAList"],
    ['{"subjects":{"":1}}', "NotAList"],
    ["", "NotJson"],
  ])("given %s: %s", (text, reason) => expect(refusal(() => readRevocations(text))).toBe(reason));
});

describe("given a spec, documents come from", () => {
  const of = (auth: object) =>
    authTarget(
      aStemHub({
        release: { version: "1", images: { api: "a:1", auth: "b:1" } },
        components: { api: {}, auth: { port: 9000 } },
        auth,
      }),
      "cluster.local",
    );
  test.each([
    [
      { issuer: "i", jwks: { component: "auth", path: "/keys" } },
      {
        keys: {
          url: "http://studio-auth.music.svc.cluster.local:9000/keys",
          logsCommand: "kubectl -n music logs deploy/studio-auth",
        },
      },
    ],
    [
      { issuer: "i", jwks: { url: "https://id.example/k", caConfigMap: { name: "id-ca" } } },
      { keys: { url: "https://id.example/k", caConfigMap: "id-ca" } },
    ],
    [
      { hs256: { secret: { name: "s", key: "k" } }, revocations: { component: "api", path: "/revoked" } },
      {
        revocations: {
          url: "http://studio-api.music.svc.cluster.local:8080/revoked",
          logsCommand: "kubectl -n music logs deploy/studio-api",
        },
      },
    ],
  ])("%j: %j", (auth, target) => expect(of(auth)).toEqual({ namespace: "music", ...target }));
  test("nowhere, when a secret verifies and nothing is revoked", () => {
    expect(of({ hs256: { secret: { name: "s", key: "k" } } })).toBeUndefined();
  });
});

describe("what the ConfigMap is to hold", () => {
  const target = {
    namespace: "music",
    keys: { url: "https://a.example/k" },
    revocations: { url: "https://a.example/r" },
  };
  const atMs = Date.UTC(2026, 10, 25);
  const fetched = { keys: { source: "https://a.example/k", atMs, content: [rsa] } };
  const written = authTexts(target, fetched, {});

  test("what was fetched, with the moment", () => {
    expect(JSON.parse(written.keys ?? "")).toEqual({
      source: "https://a.example/k",
      fetched: "2026-11-25T00:00:00.000Z",
      keys: [rsa],
    });
    expect(written).not.toHaveProperty("revocations");
  });
  test("what is there already, while a new leader has fetched nothing", () => {
    expect(authTexts(target, {}, written)).toEqual(written);
  });
  test("nothing of a source that the spec does not name any more", () => {
    const moved = { ...target, keys: { url: "https://b.example/k" } };
    expect(authTexts(moved, fetched, written)).toEqual({});
    expect(authTexts(undefined, fetched, written)).toEqual({});
  });
  test("nothing that somebody else has written over it", () => {
    expect(authTexts(target, {}, { keys: `{"source":"https://a.example/k","keys":[]}` })).toEqual({});
    expect(authTexts(target, {}, { keys: "{" })).toEqual({});
  });
});

describe("given a source that answers", () => {
  let answer: RequestListener;
  let asked = 0;
  let url = "";
  const server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  });
  const ending = new AbortController();
  const clock = new FakeClock();
  const give = (status: number, body: string) => {
    answer = (_, response) => response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end(body);
  };

  beforeEach(async () => {
    asked = 0;
    if (!server.listening) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterEach(() => server.closeAllConnections());

  const fetchOnce = async () => {
    try {
      return await fetchDocument(url, { clock, signal: ending.signal });
    } catch (error) {
      return (error as AnswerRefused).reason;
    }
  };

  test.each([
    [200, "text", "text"],
    [302, "", "Status"],
    [404, "", "Status"],
    [500, "", "Status"],
    [200, "x".repeat(mostAnswerBytes + 1), "TooLarge"],
  ])("%i: %.10s…: %s", async (status, body, result) => {
    give(status, body);
    expect(await fetchOnce()).toBe(result);
    expect(clock.timers).toBe(0);
  });

  test("a connection that breaks is no answer", async () => {
    answer = (request) => request.socket.destroy();
    expect(await fetchOnce()).toBe("NoAnswer");
  });

  test("an answer that never ends is cut off at the deadline", async () => {
    answer = (_, response) => response.write("{");
    const result = fetchOnce();
    await vi.waitFor(() => expect(asked).toBe(1));
    await clock.advance(fetchDeadlineMs);
    expect(await result).toBe("NoAnswer");
  });

  test("the watch keeps the last good keys through bad answers, takes new ones, and stops when told", async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line) => lines.push(line) });
    const readAuthority = async () => "";
    const registry = createMetrics().registry;
    const metrics = createAuthMetrics(registry);
    const watch = watchAuth({ clock, log, signal: stop.signal, metrics, readAuthority, random: () => 0.5 });
    let news = 0;
    watch.onNews(() => {
      news += 1;
    });
    const kids = () => watch.keysOf(key).keys?.content.map(({ kid }) => kid);
    /** The next round is due, is asked, and has been worked off: the loop sleeps again. */
    const nextRound = async () => {
      const before = asked;
      await clock.advance(61_000);
      await vi.waitFor(() => expect(asked).toBeGreaterThan(before));
      await vi.waitFor(() => expect(clock.timers).toBe(1));
    };

    give(200, keySet(rsa));
    watch.aim(key, { namespace: "music", keys: { url } });
    watch.aim(key, { namespace: "music", keys: { url } });
    await vi.waitFor(() => expect(kids()).toEqual(["a"]));
    await vi.waitFor(() => expect(clock.timers).toBe(1));
    expect([asked, news]).toEqual([1, 1]);

    await nextRound();
    expect(news).toBe(1);

    for (const bad of [keySet(), "<html>", keySet({ ...rsa, d: "AQAB" })]) {
      give(200, bad);
      await nextRound();
      expect(kids()).toEqual(["a"]);
    }
    give(503, "");
    await nextRound();
    expect(kids()).toEqual(["a"]);
    // By now it has failed for three minutes.
    expect(watch.statesOf(key).keys).toMatchObject({ name: "Failing", message: "the answer is 503" });
    expect(news).toBe(2);
    const series = async () =>
      (await registry.metrics()).split("\n").filter((line) => line.startsWith("stemhub_auth_fetch_failures"));
    const labels = 'namespace="music",stemhub="studio",document="keys"';
    expect(await series()).toEqual([expect.stringMatching(`{${labels}} [1-9]`)]);

    give(200, keySet(rsa, { ...rsa, kid: "b" }));
    await nextRound();
    expect(kids()).toEqual(["a", "b"]);
    expect(watch.statesOf(key).keys).toEqual({ name: "Good" });
    expect(await series()).toEqual([`stemhub_auth_fetch_failures{${labels}} 0`]);
    expect(news).toBe(3);
    // Nothing changed, and yet its age is told anew now and then.
    for (let minute = 0; minute < 11; minute++) await nextRound();
    expect(news).toBe(4);
    // Each trouble is told once, without anything that the source sent.
    expect(lines.filter((line) => line.includes("not fetched")).map((line) => JSON.parse(line).reason)).toEqual([
      "NoUsableKey",
      "NotJson",
      "PrivateKey",
      "Status",
    ]);
    expect(lines.join("")).not.toContain("AQAB");

    watch.aim(key, undefined);
    expect(await series()).toEqual([]);
    expect(watch.keysOf(key)).toEqual({});
    await vi.waitFor(() => expect(clock.timers).toBe(0));
    stop.abort();
    server.close();
  });
});
