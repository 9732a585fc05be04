import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/deadline.ts";
import { type Echo, echoComponent } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { refusal, untilMode } from "../support/mode.ts";
import { untilStemHub } from "../support/ready.ts";
import { SigningKey, signedIn } from "../support/sign-in.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* Whose a request is: verified at the gateway, also while the sign-in service is away. */
const kubectl = inNamespace("e2e-tokens");
const key = new SigningKey("first");
const notice = "Signing in is not possible right now - if you are signed in, you can keep working";

let gateway: GatewayClient;

beforeAll(async () => {
  const { postgres: image } = environment().images;
  const auth = echoComponent("auth");
  const env = [...(auth.env as object[]), { name: "JWKS", value: key.jwks }];
  const spec = {
    release: { version: "1.0.0", images: { api: image, auth: image } },
    components: { api: echoComponent("api"), auth: { ...auth, env } },
    auth: { jwks: { component: "auth", path: "/.well-known/jwks.json" }, issuer: "tests" },
    gateway: {
      replicas: 1,
      routes: [
        { path: "/", component: "api" },
        { path: "/mine/", component: "api", access: "User" },
        { path: "/payments/", component: "api", access: "User", writes: "Critical" },
        { path: "/sign-in/", component: "auth", capability: "auth" },
      ],
    },
    modes: { probes: { auth: { path: "/probe", periodSeconds: 1 } } },
  };
  await kubectl.apply(echoStemHub("studio", { spec }));
  await untilStemHub(kubectl, "studio");
  gateway = await GatewayClient.open(kubectl, "studio");
  await eventually("the gateway has the keys", 30_000, async () => {
    return (await gateway.request("/mine/songs", signedIn(key.token()))).status === 200;
  });
}, 180_000);

afterAll(() => gateway?.close());

describe("a route for users", () => {
  test("tells the app who it is, and nobody can say so themselves", async () => {
    const { headers } = signedIn(key.token({ sub: "ada" }));
    const echo = (
      await gateway.expect(200, "/mine/songs", { headers: { ...headers, "x-stemhub-user": "bob" } })
    ).json<Echo>();
    expect(echo.headers["x-stemhub-user"]).toBe("ada");
  });

  test.each([
    ["without a token", () => undefined],
    ["with a token that has ended", () => key.token({ exp: Math.floor(Date.now() / 1_000) - 3_600 })],
    ["with a token of another key of the same name", () => new SigningKey("first").token()],
  ])("%s it answers 401, in words", async (_, token) => {
    const answer = await gateway.expect(401, "/mine/songs", signedIn(token()));
    expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
    expect(answer.json()).toMatchObject({ status: 401, detail: expect.stringMatching(/\w+ \w+/) });
  });

  test("all others need none", async () => {
    await gateway.expect(200, "/");
  });
});

test("given a sign-in service that fails, then who is signed in works on, signing in says why not, and nothing critical is done", async () => {
  await gateway.expect(200, "/sign-in/fail/15", { method: "POST" });
  await untilMode(gateway, "without auth", 15_000, ({ capabilities }) => capabilities.auth.mode !== "Normal");
  await gateway.expect(200, "/mine/songs", { ...signedIn(key.token()), method: "POST", body: { title: "Blue Room" } });
  expect(refusal(await gateway.expect(503, "/sign-in/", { method: "POST" }))).toMatchObject({
    detail: notice,
    capability: "auth",
  });
  refusal(await gateway.expect(503, "/payments/1", signedIn(key.token())));
  await untilMode(gateway, "Normal again", 60_000, ({ mode }) => mode === "Normal");
  await gateway.expect(200, "/payments/1", signedIn(key.token()));
}, 120_000);
