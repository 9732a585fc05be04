import { describe, expect, test } from "vitest";
import { everyFieldSpec, minimalSpec, otherAuthSpecs, sqlMigrationSpec, type WrittenSpec } from "./fixtures/specs.ts";
import { componentNames, parseStemHub, specSchema, stemhubDefinition } from "./stemhub.ts";

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

const crd = stemhubDefinition.crd as unknown as {
  spec: { versions: [{ schema: { openAPIV3Schema: Node }; additionalPrinterColumns: { jsonPath: string }[] }] };
};
const [version] = crd.spec.versions;
const root = version.schema.openAPIV3Schema;
const sectionOf = (name: string): Node => root.properties?.[name] ?? {};

const read = (spec: WrittenSpec) =>
  parseStemHub({ apiVersion: "stemhub.dev/v1alpha1", kind: "StemHub", metadata: { name: "studio" }, spec }).spec;

/** The paths of all fields below a node, those of list items with []. The five components count as one. */
function pathsOf(node: Node, path: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const isComponent = path === "components" && (componentNames as readonly string[]).includes(name);
    const own = [path, isComponent ? "*" : name].filter(Boolean).join(".");
    return [own, ...pathsOf(child, own), ...(child.items ? pathsOf(child.items, `${own}[]`) : [])];
  });
}

/** The same paths, of a written value. */
function pathsIn(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsIn(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const isComponent = path === "components" && (componentNames as readonly string[]).includes(name);
    const own = [path, isComponent ? "*" : name].filter(Boolean).join(".");
    return [own, ...pathsIn(child, own)];
  });
}

/** Fills in defaults as the API server does: a field's default where it is absent, then below it. */
function withStructuralDefaults(node: Node, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withStructuralDefaults(node.items ?? {}, item));
  if (typeof value !== "object" || value === null) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    if (filled[name] === undefined && child.default !== undefined) filled[name] = structuredClone(child.default);
    if (filled[name] !== undefined) filled[name] = withStructuralDefaults(child, filled[name]);
  }
  return filled;
}

describe("given a spec, when it is read", () => {
  test("then the least that can be written has all defaults", () => {
    const { database, components, gateway, certificates, deletionPolicy } = read(minimalSpec());
    expect(database).toEqual({
      version: 17,
      instances: 3,
      storage: { size: "10Gi" },
      synchronous: "required",
      longTransactionSeconds: 900,
    });
    expect(components.api).toEqual({
      port: 8080,
      replicas: { min: 2 },
      probes: {
        readiness: { path: "/readyz", periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 3 },
        liveness: { path: "/healthz", periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
        startup: { path: "/healthz", periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 60 },
      },
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
      terminationGracePeriodSeconds: 45,
      securityContext: { runAsUser: 10_001 },
    });
    expect(gateway).toEqual({
      replicas: 2,
      tls: {},
      service: { type: "ClusterIP" },
      limits: { bodySize: "100Mi", timeoutSeconds: 60 },
      trustedProxies: [],
    });
    expect(certificates).toEqual({ lifetime: "2160h" });
    expect(deletionPolicy).toBe("Retain");
  });

  test.each([
    ["the least", minimalSpec()],
    ["every field", everyFieldSpec()],
    ["files of SQL", sqlMigrationSpec()],
    ["empty sections", { ...minimalSpec(), gateway: { tls: {}, service: {}, limits: {} } }],
    ["half a component", { ...minimalSpec(), components: { api: { probes: { startup: { path: "/up" } } } } }],
  ])("then the CRD and the operator fill in the same: %s", (_, spec) => {
    expect(withStructuralDefaults(sectionOf("spec"), spec)).toEqual(read(spec));
  });

  test("then fields of a newer version are left out, and do not stop the operator", () => {
    expect(read({ ...minimalSpec(), billing: { plan: "large" } })).toEqual(read(minimalSpec()));
  });

  test("then reading twice changes nothing", () => {
    expect(read(read(everyFieldSpec()))).toEqual(read(everyFieldSpec()));
  });

  test("then what no API server could have stored is an error with its path", () => {
    const { error } = specSchema.safeParse({ ...minimalSpec(), database: { instances: "three" } });
    expect(error?.issues[0]?.path).toEqual(["database", "instances"]);
  });
});

test("the spec called every field, with those of what it cannot have beside, sets every field there is", () => {
  const set = new Set([everyFieldSpec(), sqlMigrationSpec(), ...otherAuthSpecs()].flatMap((spec) => pathsIn(spec, "")));
  expect(pathsOf(sectionOf("spec"), "").filter((path) => !set.has(path))).toEqual([]);
});

test("kubectl explain has something to say of every field", () => {
  const silent: string[] = [];
  const visit = (node: Node, path: string) => {
    if (!node.description?.trim()) silent.push(path);
    for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`);
    if (node.items?.properties) visit(node.items, `${path}[]`);
  };
  for (const name of ["apiVersion", "kind", "spec", "status"]) visit(sectionOf(name), name);
  expect(root.description).toContain("platform");
  expect(silent).toEqual([]);
});

test("every printed column reads a field of the status or of the metadata", () => {
  const known = new Set(pathsOf(sectionOf("status"), "status"));
  for (const { jsonPath } of version.additionalPrinterColumns) {
    const path = jsonPath.replace(/\[\?\(@\.type=="\w+"\)\]/, "[]").slice(1);
    expect(known.has(path) || path === "metadata.creationTimestamp", path).toBe(true);
  }
});

test("the definition fits into the annotation that kubectl apply keeps of it", () => {
  // 256 KiB for all annotations: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations
  expect(JSON.stringify(stemhubDefinition.crd).length).toBeLessThan(200_000);
});
