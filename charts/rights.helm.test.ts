import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { KubeApi } from "../operator/runtime/api.ts";
import { connect } from "../operator/runtime/connect.ts";
import { ForbiddenError } from "../operator/runtime/errors.ts";
import type { KubeObject, ResourceKind } from "../operator/runtime/objects.ts";
import { gatewayAccess } from "../operator/stemhub/gateway/mode-agent.ts";
import { kinds, ownedKinds } from "../operator/stemhub/kinds.ts";
import { databaseAccess } from "../operator/stemhub/postgres/access.ts";
import { startApiServer, type TestApiServer } from "../operator/testing/apiserver.ts";
import { aStemHub } from "../operator/testing/stemhub.ts";
import { type Rendered, render } from "./helm.ts";

/*
 * The rendered chart on a real API server: what its RBAC lets the operator do, and what admission says to its pods.
 * `studio` is bound by watchNamespaces; `elsewhere` is not.
 */
const reviews: ResourceKind = {
  apiVersion: "authorization.k8s.io/v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
};
const account = "system:serviceaccount:stemhub-system:stemhub-operator";

let server: TestApiServer;
let admin: KubeApi;
/** The operator's ServiceAccount, in the admin's hands. */
let operator: KubeApi;
let rendered: Rendered[];

beforeAll(async () => {
  [server, rendered] = await Promise.all([
    startApiServer(),
    render({ watchNamespaces: ["studio"], "crds.enabled": true }),
  ]);
  admin = await server.admin({ kinds: [reviews] });
  const headers = { authorization: `Bearer ${server.adminToken}`, "impersonate-user": account };
  const tls = { id: "test", ca: server.ca };
  operator = await connect({
    credentials: { server: new URL(server.url), current: () => Promise.resolve({ headers, tls }) },
    fieldManager: "stemhub-operator",
  });
  for (const name of ["stemhub-system", "studio", "elsewhere"]) await admin.apply(restrictedNamespace(name));
  for (const object of rendered) await admin.apply(object as unknown as KubeObject);
  // The authorizer learns of new bindings by a watch of its own.
  await vi.waitUntil(() => may("get", "secrets", { namespace: "studio" }), { timeout: 10_000, interval: 50 });
});

afterAll(async () => {
  await server?.stop();
});

function restrictedNamespace(name: string): KubeObject {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** Asks the API server's own authorizer. `resource` may have a subresource after a slash. */
async function may(verb: string, resource: string, where: { group?: string; namespace?: string; name?: string } = {}) {
  const [plural, subresource] = resource.split("/");
  const review = await admin.create({
    apiVersion: reviews.apiVersion,
    kind: reviews.kind,
    metadata: { name: "" },
    spec: { user: account, resourceAttributes: { verb, resource: plural, subresource, ...where } },
  });
  return (review.status as { allowed?: boolean } | undefined)?.allowed === true;
}

const groupOf = (kind: ResourceKind) => kind.apiVersion.split("/").at(-2) ?? "";
const written = Object.values(kinds).filter((kind) => kind !== kinds.pod && kind !== kinds.claim);

describe("in a bound namespace the operator may", () => {
  test.each(ownedKinds.map(({ kind }) => kind))("watch $plural", async (kind) => {
    const where = { group: groupOf(kind), namespace: "studio" };
    for (const verb of ["get", "list", "watch"]) expect(await may(verb, kind.plural, where), verb).toBe(true);
  });

  test.each(written)("make and remove $plural", async (kind) => {
    const where = { group: groupOf(kind), namespace: "studio" };
    for (const verb of ["create", "patch", "delete"]) expect(await may(verb, kind.plural, where), verb).toBe(true);
  });

  test.each([
    ["get", "pods/log", ""],
    ["patch", "pods", ""],
    ["delete", "pods", ""],
    ["patch", "persistentvolumeclaims", ""],
    ["delete", "persistentvolumeclaims", ""],
    ["create", "events", "events.k8s.io"],
    ["patch", "events", "events.k8s.io"],
  ])("%s %s", async (verb, resource, group) => {
    expect(await may(verb, resource, { group, namespace: "studio" })).toBe(true);
  });

  test("give Patroni its Role: nothing is granted that the operator does not hold", async () => {
    const stemhub = aStemHub({}, { namespace: "studio" });
    for (const object of databaseAccess(stemhub)) {
      await expect(operator.apply(object)).resolves.toMatchObject({ kind: object.kind });
    }
  });

  test("give a gateway's mode-agent its Role, by which it reads the one ConfigMap with the mode", async () => {
    const stemhub = aStemHub({}, { namespace: "studio" });
    for (const object of gatewayAccess(stemhub)) {
      await expect(operator.apply(object)).resolves.toMatchObject({ kind: object.kind });
    }
    const user = "system:serviceaccount:studio:studio-gateway";
    const headers = { authorization: `Bearer ${server.adminToken}`, "impersonate-user": user };
    const agent = await connect({
      credentials: {
        server: new URL(server.url),
        current: () => Promise.resolve({ headers, tls: { id: "agent", ca: server.ca } }),
      },
      fieldManager: "stemhub-mode-agent",
    });
    const named = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
    await vi.waitFor(() => agent.list(kinds.configMap, "studio", named("studio-mode")), { timeout: 10_000 });
    await expect(agent.get(kinds.configMap, "studio", "studio-mode")).resolves.toBeUndefined();
    await expect(agent.list(kinds.configMap, "studio", named("studio-ca"))).rejects.toThrow(ForbiddenError);
    await expect(agent.list(kinds.configMap, "studio")).rejects.toThrow(ForbiddenError);
    await expect(agent.list(kinds.secret, "studio")).rejects.toThrow(ForbiddenError);
  });

  test("not give more than it holds", async () => {
    const role: KubeObject = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "more", namespace: "studio" },
      rules: [{ apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] }],
    };
    await expect(operator.apply(role)).rejects.toThrow(ForbiddenError);
  });
});

test("it may see kubelets renew their Leases, and nobody else's", async () => {
  const leases = { group: "coordination.k8s.io" };
  for (const verb of ["get", "list", "watch"]) {
    expect(await may(verb, "leases", { ...leases, namespace: "kube-node-lease" }), verb).toBe(true);
    expect(await may(verb, "leases", { ...leases, namespace: "studio" }), verb).toBe(false);
  }
  expect(await may("patch", "leases", { ...leases, namespace: "kube-node-lease" })).toBe(false);
});

describe("nowhere may it", () => {
  test.each([
    ["create", "pods/exec", ""],
    ["create", "pods", ""],
    ["create", "persistentvolumeclaims", ""],
    ["create", "serviceaccounts/token", ""],
    ["bind", "roles", "rbac.authorization.k8s.io"],
    ["escalate", "roles", "rbac.authorization.k8s.io"],
    ["impersonate", "serviceaccounts", ""],
    ["create", "stemhubs", "stemhub.dev"],
    ["delete", "stemhubs", "stemhub.dev"],
  ])("%s %s", async (verb, resource, group) => {
    for (const namespace of ["studio", "stemhub-system", "elsewhere", undefined]) {
      expect(await may(verb, resource, { group, ...(namespace ? { namespace } : {}) }), namespace).toBe(false);
    }
  });
});

describe("without a binding", () => {
  test.each(Object.values(kinds))("$plural are out of reach", async (kind) => {
    for (const namespace of ["elsewhere", undefined]) {
      const where = { group: groupOf(kind), ...(namespace ? { namespace } : {}) };
      for (const verb of ["get", "list", "watch", "create", "patch", "delete"]) {
        expect(await may(verb, kind.plural, where), `${verb} in ${namespace}`).toBe(false);
      }
    }
  });

  test("a StemHub is seen and told, which is all", async () => {
    const where = { group: "stemhub.dev", namespace: "elsewhere" };
    for (const verb of ["get", "list", "watch", "patch"]) expect(await may(verb, "stemhubs", where), verb).toBe(true);
    expect(await may("patch", "stemhubs/status", where)).toBe(true);
    expect(await may("update", "stemhubs", where)).toBe(false);
  });
});

test("the Lease is its own by name", async () => {
  const where = { group: "coordination.k8s.io", namespace: "stemhub-system" };
  expect(await may("create", "leases", where)).toBe(true);
  expect(await may("update", "leases", { ...where, name: "stemhub-operator" })).toBe(true);
  expect(await may("update", "leases", { ...where, name: "another" })).toBe(false);
});

test("a namespace that enforces restricted Pod Security takes the operator's pod", async () => {
  const deployment = rendered.find(({ kind }) => kind === "Deployment");
  const pod = (name: string, spec: unknown): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "stemhub-system" },
    spec,
  });
  await expect(admin.create(pod("operator", deployment?.spec.template.spec))).resolves.toMatchObject({ kind: "Pod" });
  await expect(admin.create(pod("loose", { containers: [{ name: "a", image: "b:c" }] }))).rejects.toThrow(/restricted/);
});
