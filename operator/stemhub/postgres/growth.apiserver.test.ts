import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../runtime/api.ts";
import { ForbiddenError } from "../../runtime/errors.ts";
import { kinds as runtimeKinds } from "../../runtime/kinds.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { startApiServer, type TestApiServer } from "../../testing/apiserver.ts";
import { kinds } from "../kinds.ts";
import { growthPatch } from "./growth.ts";

/* What growth.ts takes for granted of Kubernetes: who refuses a larger claim, and when. */
let server: TestApiServer;
let api: KubeApi;

beforeAll(async () => {
  server = await startApiServer();
  api = await server.admin({ fieldManager: "test" });
  await storageClass("grows", true);
  await storageClass("stays", false);
});
afterAll(() => server?.stop());

async function storageClass(name: string, allowVolumeExpansion: boolean): Promise<void> {
  const { apiVersion, kind } = runtimeKinds.storageClasses;
  await api.create({ apiVersion, kind, metadata: { name }, provisioner: "test", allowVolumeExpansion });
}

/** A claim of 1Gi, bound unless told otherwise. */
async function claim(
  name: string,
  storageClassName: string,
  phase: "Bound" | "Pending" = "Bound",
): Promise<KubeObject> {
  const resources = { requests: { storage: "1Gi" } };
  const { apiVersion, kind } = kinds.claim;
  const metadata = { name, namespace: "default" };
  const spec = { accessModes: ["ReadWriteOnce"], storageClassName, resources };
  await api.create({ apiVersion, kind, metadata, spec });
  const status = { phase, ...(phase === "Bound" ? { capacity: { storage: "1Gi" } } : {}) };
  return api.patch(kinds.claim, "default", name, { status }, { type: "merge", subresource: "status" });
}

const grow = (name: string) =>
  api.patch(kinds.claim, "default", name, growthPatch({ claim: name, className: "any", from: "1Gi", to: "2Gi" }), {
    type: "merge",
  });

test("a bound claim of a class that lets volumes grow takes the patch", async () => {
  await claim("may", "grows");
  expect((await grow("may")).spec).toMatchObject({ resources: { requests: { storage: "2Gi" } } });
});

test("one of a class that does not is forbidden it, with words for people", async () => {
  await claim("may-not", "stays");
  const refusal = await grow("may-not").catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ForbiddenError);
  expect((refusal as Error).message).toContain("the storageclass that provisions the pvc must support resize");
});

test("one that is not bound cannot grow, whatever its class: it is not to be asked", async () => {
  await claim("unbound", "grows", "Pending");
  await expect(grow("unbound")).rejects.toThrow("spec is immutable after creation except resources.requests");
});
