import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/deadline.ts";
import { condition, type SeenStemHub, untilStemHub } from "../support/ready.ts";
import { stemHub } from "../support/studio.ts";
import { echoStemHub, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-spec");

beforeAll(async () => {
  await kubectl.apply(echoStemHub("plain"));
  await untilStemHub(kubectl, "plain");
}, 180_000);

describe("kubectl explain", () => {
  test.each([
    ["stemhub", /One platform/],
    ["stemhub.spec", /release/],
    ["stemhub.spec.database.synchronous", /a write that no replica holds is not acknowledged/],
    ["stemhub.spec.components.api.autoscaling", /cpuPercent/],
    ["stemhub.status.conditions.message", /next step/],
  ])("%s is told in a sentence", async (field, text) => {
    const told = await kubectl.run(["explain", field]);
    expect(told.replaceAll(/\s+/g, " ")).toMatch(text);
  });
});

describe("an edit that cannot be carried out is refused with a sentence", () => {
  const plain = (spec: Record<string, unknown>) => echoStemHub("plain", { spec });

  test.each([
    [
      "a smaller volume",
      { database: { instances: 1, storage: { size: "512Mi" } } },
      /storage\.size cannot shrink from 1Gi to 512Mi/,
    ],
    ["a release without a tag", { release: { version: "1.0.0", images: { api: "api" } } }, /images\.api/],
    [
      "a route to nowhere",
      { gateway: { routes: [{ path: "/", component: "web" }] } },
      /gateway\.routes names a component that is not in components/,
    ],
    [
      "autoscaling without room",
      { components: { api: { autoscaling: { cpuPercent: 50 } } } },
      /autoscaling needs replicas\.max above replicas\.min/,
    ],
    ["a field that is not there", { databse: {} }, /databse/],
  ])("%s", async (_what, spec, sentence) => {
    expect(await kubectl.refused(plain(spec))).toMatch(sentence);
  });

  test("fewer instances", async () => {
    await kubectl.apply(stemHub("larger", { ...echoStemHub("larger").spec, database: {} }));
    expect(await kubectl.refused(echoStemHub("larger"))).toMatch(/instances cannot be reduced/);
    await kubectl.delete("stemhub/larger");
  });
});

describe("status", () => {
  test("given an edit, when kubectl waits for Ready at once, then the edit has been carried out", async () => {
    for (const greeting of ["first", "second", "third"]) {
      await kubectl.apply(echoStemHub("plain", { greeting }));
      const stemhub = await untilStemHub(kubectl, "plain");
      const { generation } = stemhub.metadata;
      expect(stemhub.status?.observedGeneration).toBe(generation);
      for (const { observedGeneration, type } of stemhub.status?.conditions ?? []) {
        expect({ type, observedGeneration }).toEqual({ type, observedGeneration: generation });
      }
      const { spec, status } = (await kubectl.get("deployment/plain-api")) as unknown as DeploymentSeen;
      expect(JSON.stringify(spec.template)).toContain(`"${greeting}"`);
      expect(status).toMatchObject({
        updatedReplicas: spec.replicas,
        readyReplicas: spec.replicas,
        replicas: spec.replicas,
      });
    }
  }, 120_000);

  test("given an edit that is being carried out, then Reconciling is True and Ready is not; when done, Reconciling is gone", async () => {
    await kubectl.apply(echoStemHub("plain", { greeting: "again" }));
    const during = await untilStemHub(kubectl, "plain", "condition=Reconciling", 10_000);
    expect(condition(during, "Ready")?.status).not.toBe("True");
    const after = await untilStemHub(kubectl, "plain");
    expect(condition(after, "Reconciling")).toBeUndefined();
    expect(condition(after, "Stalled")).toBeUndefined();
  }, 60_000);

  test("given an image that is nowhere, then a condition names pod and reason, and the former pods serve on", async () => {
    await kubectl.patch("stemhub/plain", {
      spec: { release: { version: "1.0.1", images: { api: "localhost/nowhere:1" } } },
    });
    await eventually("a condition names the image that is nowhere", 60_000, async () => {
      const { status } = (await kubectl.get("stemhub/plain")) as SeenStemHub;
      return status?.conditions?.some(({ message }) => message.includes("localhost/nowhere:1"));
    });
    const pods = await kubectl.list("pods", "app.kubernetes.io/instance=plain,app.kubernetes.io/component=api");
    expect(pods.some((pod) => JSON.stringify(pod.status).includes('"ready":true'))).toBe(true);
    await kubectl.apply(echoStemHub("plain"));
    await untilStemHub(kubectl, "plain");
  }, 120_000);

  test("kubectl get prints what a person asks first", async () => {
    const [header = "", line = ""] = (await kubectl.run(["get", "stemhubs", "plain"])).split("\n");
    expect(header.split(/\s{2,}/).map((title) => title.trim())).toEqual([
      "NAME",
      "MODE",
      "READY",
      "RELEASE",
      "DB",
      "AGE",
    ]);
    expect(line).toMatch(/^plain\s+Normal\s+True\s+1\.0\.0\s+1\/1 in sync\s+/);
  });
});

/** The parts of a Deployment that are looked at. */
interface DeploymentSeen {
  readonly spec: { readonly replicas: number; readonly template: unknown };
  readonly status: Readonly<Record<string, unknown>>;
}
