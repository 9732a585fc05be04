import { describe, expect, test } from "vitest";
import type { RotationStatus, StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { aPod } from "../../testing/pods.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { decideRotation, type RotationFacts, rotationAnnotation } from "./rotation.ts";

const now = Date.parse("2026-03-01T10:00:00Z");
const annotations = (hash: string) => ({ "stemhub.dev/credentials": hash });
const deployment = (hash: string): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "studio-api" },
  spec: { template: { metadata: { annotations: annotations(hash) } } },
});
const pod = (name: string, hash: string, deleting = false) => aPod({ name, annotations: annotations(hash), deleting });
const report = (phase: RotationStatus["phase"]): RotationStatus => ({
  ...{ request: "first", phase, from: "stemhub_app_1", to: "stemhub_app_2" },
  ...{ since: "2026-03-01T09:59:00.000Z", message: "as it was" },
});

function asked(request: string | undefined, rotation: RotationStatus | undefined): StemHub {
  const stemhub = aStemHub({}, request === undefined ? {} : { annotations: { [rotationAnnotation]: request } });
  const database = { instances: 3, ready: 3, inSync: 3, summary: "3/3 in sync", ...(rotation ? { rotation } : {}) };
  return { ...stemhub, status: { database } };
}

function decide(request: string | undefined, rotation: RotationStatus | undefined, more: Partial<RotationFacts> = {}) {
  return decideRotation({
    stemhub: asked(request, rotation),
    databaseAvailable: true,
    login: "stemhub_app_1",
    loginHash: "old",
    deployments: [deployment("old")],
    pods: [pod("studio-api-1", "old")],
    now,
    ...more,
  });
}

describe("given no request that is new, then nothing is done", () => {
  test.each<[string, string | undefined, RotationStatus | undefined]>([
    ["no annotation", undefined, undefined],
    ["an empty one", " ", undefined],
    ["one that was carried out", "first", report("Done")],
  ])("%s", (_, request, rotation) => {
    expect(decide(request, rotation)).toEqual({ step: "none" });
  });
});

describe("given a request", () => {
  test.each([
    ["stemhub_app_1", "stemhub_app_2"],
    ["stemhub_app_2", "stemhub_app_1"],
  ])("while %s is in use, then %s is to take over", (login, to) => {
    const decision = decide("first", undefined, { login });
    expect(decision).toMatchObject({ step: "open", report: { request: "first", phase: "Preparing", from: login, to } });
  });

  test("that comes while another is under way, then that one is ended first", () => {
    const underWay = decide("second", report("RollingOut"), { loginHash: "new" });
    expect(underWay).toMatchObject({ step: "wait", report: { request: "first" } });
    expect(decide("second", report("Done"))).toMatchObject({ step: "open", report: { request: "second" } });
  });
});

describe("given a login that is to take over", () => {
  test("then it gets a password when the database takes writes", () => {
    expect(decide("first", report("Preparing"))).toMatchObject({ step: "prepare", login: "stemhub_app_2" });
    const waits = decide("first", report("Preparing"), { databaseAvailable: false });
    expect(waits).toMatchObject({ step: "wait", report: { phase: "Preparing" } });
  });

  test("when the Secret names it already, since an operator stopped after that, then its password is not changed again", () => {
    const decision = decide("first", report("Preparing"), { login: "stemhub_app_2" });
    expect(decision).toMatchObject({ step: "wait", report: { phase: "RollingOut" } });
  });
});

describe("given a Secret that names the new login, then the former one", () => {
  const taken = { login: "stemhub_app_2", loginHash: "new", deployments: [deployment("new")] };
  test.each<[string, Partial<RotationFacts>, string]>([
    ["stays while a Deployment has it", { ...taken, deployments: [deployment("old")], pods: [] }, "wait"],
    ["stays while a pod has it", { ...taken, pods: [pod("a", "new"), pod("b", "old")] }, "wait"],
    ["stays while a pod that ends has it", { ...taken, pods: [pod("a", "new"), pod("b", "old", true)] }, "wait"],
    ["stays while the database takes no writes", { ...taken, pods: [], databaseAvailable: false }, "wait"],
    ["is closed when nobody has it", { ...taken, pods: [pod("a", "new")] }, "retire"],
    ["is closed at once where no component signs in", { ...taken, deployments: [], pods: [] }, "retire"],
  ])("%s", (_, more, step) => {
    expect(decide("first", report("RollingOut"), more)).toMatchObject({ step });
  });

  test("is named while it is waited for", () => {
    const decision = decide("first", report("RollingOut"), { ...taken, pods: [pod("studio-api-1", "old")] });
    expect(decision.step === "wait" && decision.report.message).toContain("studio-api-1");
  });

  test("is the one that is closed, and no other", () => {
    const decision = decide("first", report("RollingOut"), { ...taken, pods: [] });
    expect(decision).toMatchObject({ step: "retire", login: "stemhub_app_1", report: { phase: "Done" } });
  });
});
