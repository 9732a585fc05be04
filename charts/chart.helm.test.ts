import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { chart, helm, type Rendered, render } from "./helm.ts";
import { restrictedViolations } from "./pod-security.ts";

const ofKind = (objects: readonly Rendered[], kind: string) => objects.filter((object) => object.kind === kind);

function the(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = ofKind(objects, kind).find((object) => object.metadata.name === name);
  if (!found)
    throw new Error(`no ${kind} ${name} among ${objects.map((o) => `${o.kind} ${o.metadata.name}`).join(", ")}`);
  return found;
}

const operator = (objects: readonly Rendered[]) => ofKind(objects, "Deployment")[0]?.spec.template.spec;
const argsOf = (objects: readonly Rendered[]): string[] => operator(objects).containers[0].args;

/** Values that switch on everything optional, so that a rule for all objects sees all objects. */
const everything = {
  watchNamespaces: ["studio", "staging"],
  networkPolicy: { enabled: true, apiServerPorts: [6443], metricsFrom: [{ namespaceSelector: {} }] },
  priorityClassName: "system-cluster-critical",
  "image.pullSecrets": ["registry"],
};

// The first run fetches helm, which no single test has the time for.
beforeAll(() => helm("version"));

test("helm lint --strict has nothing to say", async () => {
  await expect(helm("lint", "--strict", chart)).resolves.toContain("0 chart(s) failed");
});

describe("what the operator's pods are", () => {
  test("every pod passes restricted Pod Security", async () => {
    const pods = (await render(everything)).filter((object) => object.spec?.template?.spec?.containers);
    expect(pods.map((object) => object.kind)).toEqual(["Deployment"]);
    for (const { spec } of pods) expect(restrictedViolations(spec.template.spec)).toEqual([]);
  });

  test("two replicas, spread, of which one at most is evicted", async () => {
    const objects = await render();
    const deployment = the(objects, "Deployment", "stemhub-operator");
    expect(deployment.spec.replicas).toBe(2);
    expect(deployment.spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    const labels = deployment.spec.template.metadata.labels;
    expect(labels).toMatchObject(deployment.spec.selector.matchLabels);
    const [spread] = operator(objects).topologySpreadConstraints;
    expect(labels).toMatchObject(spread.labelSelector.matchLabels);
    const budget = the(objects, "PodDisruptionBudget", "stemhub-operator");
    expect(budget.spec.maxUnavailable).toBe(1);
    expect(labels).toMatchObject(budget.spec.selector.matchLabels);
    const service = the(objects, "Service", "stemhub-operator-metrics");
    expect(labels).toMatchObject(service.spec.selector);
  });

  test("flags and environment are those of operator/main.ts", async () => {
    const objects = await render();
    expect(argsOf(objects)).toEqual([
      "--postgres-image=localhost/stemhub-postgres:dev",
      "--database-proxy-image=localhost/stemhub-database-proxy:dev",
      "--gateway-image=localhost/stemhub-gateway:dev",
      "--queue-image=localhost/stemhub-queue:dev",
      "--nats-image=localhost/stemhub-nats:dev",
      "--cluster-domain=cluster.local",
      "--leader-election-namespace=stemhub-system",
      "--metrics-port=8080",
      "--log-level=info",
    ]);
    const names = operator(objects).containers[0].env.map((variable: { name: string }) => variable.name);
    const expected = ["POD_NAME", "POD_NAMESPACE", "NODE_NAME", "POD_SERVICE_ACCOUNT", "NAMESPACE_CLUSTER_ROLE"];
    expect(names).toEqual(expected);
  });

  test("probes, port and Service follow metrics.port", async () => {
    const objects = await render({ "metrics.port": 9090 });
    const container = operator(objects).containers[0];
    expect(container.ports).toEqual([{ name: "metrics", containerPort: 9090, protocol: "TCP" }]);
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      expect(container[probe].httpGet.port).toBe("metrics");
    }
    expect(the(objects, "Service", "stemhub-operator-metrics").spec.ports[0].port).toBe(9090);
    expect(container.args).toContain("--metrics-port=9090");
  });

  test("a registry and a tag go to all images; a whole reference wins", async () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const objects = await render({
      "image.registry": "registry.example.com:5000/stemhub",
      "image.tag": "1.2.3",
      "images.gateway": `registry.example.com/edge/nginx@${digest}`,
    });
    expect(operator(objects).containers[0].image).toBe("registry.example.com:5000/stemhub/stemhub-operator:1.2.3");
    const args = argsOf(objects);
    expect(args).toContain("--postgres-image=registry.example.com:5000/stemhub/stemhub-postgres:1.2.3");
    expect(args).toContain("--database-proxy-image=registry.example.com:5000/stemhub/stemhub-database-proxy:1.2.3");
    expect(args).toContain(`--gateway-image=registry.example.com/edge/nginx@${digest}`);
  });
});

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
}

describe("what the operator may do", () => {
  test("cluster-wide: see StemHubs, report on them, hold a finalizer, see nodes, and nothing else", async () => {
    const objects = await render(everything);
    const bindings = ofKind(objects, "ClusterRoleBinding");
    expect(bindings.map((binding) => binding.roleRef.name)).toEqual(["stemhub-operator"]);
    expect(the(objects, "ClusterRole", "stemhub-operator").rules).toEqual([
      { apiGroups: ["stemhub.dev"], resources: ["stemhubs"], verbs: ["get", "list", "watch", "patch"] },
      { apiGroups: ["stemhub.dev"], resources: ["stemhubs/status"], verbs: ["get", "patch", "update"] },
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["stemhub.dev"], resources: ["stemhubs/finalizers"], verbs: ["update"] },
    ]);
  });

  test("no wildcard, and nothing by which rights could grow", async () => {
    const roles = (await render(everything)).filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
    expect(roles).toHaveLength(4);
    for (const rule of roles.flatMap((role) => role.rules as Rule[])) {
      const words = [...rule.apiGroups, ...rule.resources, ...rule.verbs];
      for (const forbidden of ["*", "escalate", "bind", "impersonate", "pods/exec", "pods/attach", "nodes/proxy"]) {
        expect(words).not.toContain(forbidden);
      }
    }
  });

  test("in a namespace it holds what it grants to Patroni: without escalate the API server asks for that", async () => {
    const role = the(await render(), "ClusterRole", "stemhub-operator-namespace");
    const verbsOn = (resource: string) =>
      (role.rules as Rule[]).filter((rule) => rule.resources.includes(resource)).flatMap((rule) => rule.verbs);
    expect(verbsOn("configmaps")).toEqual(
      expect.arrayContaining(["create", "get", "list", "patch", "update", "watch", "delete"]),
    );
    expect(verbsOn("pods")).toEqual(expect.arrayContaining(["get", "list", "patch", "update", "watch"]));
  });

  test.each([{ namespaces: [] }, { namespaces: ["studio"] }, { namespaces: ["studio", "staging"] }])(
    "watchNamespaces $namespaces: bound there and nowhere else",
    async ({ namespaces }) => {
      const objects = await render({ watchNamespaces: namespaces });
      const bindings = ofKind(objects, "RoleBinding").filter(({ roleRef }) => roleRef.kind === "ClusterRole");
      expect(bindings.map((binding) => binding.metadata.namespace)).toEqual(namespaces);
      for (const binding of bindings) {
        expect(binding.roleRef.name).toBe("stemhub-operator-namespace");
        expect(binding.subjects).toEqual([
          { kind: "ServiceAccount", name: "stemhub-operator", namespace: "stemhub-system" },
        ]);
      }
      // A StemHub elsewhere is told what is missing, so it must be seen.
      expect(argsOf(objects).filter((arg) => arg.startsWith("--watch-namespaces"))).toEqual([]);
    },
  );

  test("onlyWatchNamespaces narrows what is looked at, and needs namespaces", async () => {
    const objects = await render({ watchNamespaces: ["studio", "staging"], onlyWatchNamespaces: true });
    expect(argsOf(objects)).toContain("--watch-namespaces=studio,staging");
    await expect(render({ onlyWatchNamespaces: true })).rejects.toThrow(/watchNamespaces is empty/);
  });

  test("one Lease by name, in its own namespace", async () => {
    const role = the(await render(), "Role", "stemhub-operator-leader");
    expect(role.metadata.namespace).toBe("stemhub-system");
    const named = role.rules.filter((rule: Rule) => rule.verbs.includes("update"));
    expect(named.map((rule: { resourceNames?: string[] }) => rule.resourceNames)).toEqual([["stemhub-operator"]]);
  });

  test("an account of one's own is used in every binding", async () => {
    const objects = await render({ ...everything, serviceAccount: { create: false, name: "robot" } });
    expect(ofKind(objects, "ServiceAccount")).toEqual([]);
    expect(operator(objects).serviceAccountName).toBe("robot");
    const bindings = objects.filter(({ kind }) => kind.endsWith("RoleBinding"));
    expect(bindings).toHaveLength(5);
    for (const binding of bindings) expect(binding.subjects[0].name).toBe("robot");
  });
});

describe("CRDs", () => {
  const files = readdirSync(`${chart}/files/crds`).filter((name) => name.endsWith(".yaml"));

  test("each file is rendered as it is, and kept when the release goes", async () => {
    const crds = ofKind(await render({ "crds.enabled": true }), "CustomResourceDefinition");
    expect(crds).toHaveLength(files.length);
    expect(crds.length).toBeGreaterThan(0);
    for (const file of files) {
      const generated = parse(readFileSync(`${chart}/files/crds/${file}`, "utf8"));
      const crd = the(crds, "CustomResourceDefinition", generated.metadata.name);
      expect(crd.spec).toEqual(generated.spec);
      expect(crd.metadata.annotations).toMatchObject({
        ...generated.metadata.annotations,
        "helm.sh/resource-policy": "keep",
      });
    }
  });

  test("crds.enabled is true where nothing is said; false renders none", async () => {
    expect(await helm("show", "values", chart, "--jsonpath", "{.crds.enabled}")).toBe("true");
    expect(ofKind(await render({ "crds.enabled": false }), "CustomResourceDefinition")).toEqual([]);
  });
});

describe("names", () => {
  test.each(["s".repeat(53), "stemhub-operator", "a"])("with release %s every name fits", async (name) => {
    const objects = await render(everything, { name, namespace: "stemhub-system" });
    for (const object of objects) {
      if (object.kind === "CustomResourceDefinition") continue;
      expect(object.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      for (const value of Object.values(object.metadata.labels ?? {})) expect(value.length).toBeLessThanOrEqual(63);
    }
    const unique = new Set(objects.map((o) => [o.kind, o.metadata.namespace, o.metadata.name].join("/")));
    expect(unique.size).toBe(objects.length);
  });
});

test("the network policy lets in scrapes, and out DNS, the API server and what is probed", async () => {
  expect(ofKind(await render(), "NetworkPolicy")).toEqual([]);
  const policy = the(await render(everything), "NetworkPolicy", "stemhub-operator");
  expect(policy.spec.policyTypes).toEqual(["Ingress", "Egress"]);
  expect(policy.spec.ingress[0].from).toEqual([{ namespaceSelector: {} }]);
  const { egress }: { egress: { ports?: { port: number }[]; to?: object[] }[] } = policy.spec;
  expect(egress.flatMap(({ ports = [] }) => ports.map(({ port }) => port))).toEqual([53, 53, 6443, 80, 443]);
  // It asks each platform's pods, wherever they are.
  const ours = { matchLabels: { "app.kubernetes.io/managed-by": "stemhub-operator" } };
  expect(egress.at(-1)?.to).toEqual([{ namespaceSelector: {}, podSelector: ours }]);
});

describe("values.schema.json refuses", () => {
  test.each([
    ["an unknown value", { replica: 3 }, /replica/],
    ["an unknown value further down", { "image.repository": "x" }, /repository/],
    ["a wrong type", { replicas: "two" }, /replicas/],
    ["a number of replicas that helps nobody", { replicas: 50 }, /replicas/],
    ["a boolean as a word", { "crds.enabled": "yes" }, /crds/],
    ["a log level that does not exist", { logLevel: "verbose" }, /logLevel/],
    ["namespaces as one text", { watchNamespaces: "a,b" }, /watchNamespaces/],
    ["a namespace that can be none", { watchNamespaces: ["Studio_1"] }, /watchNamespaces/],
    ["an image without tag or digest", { "images.gateway": "registry.example.com/nginx" }, /gateway/],
    ["a registry with a slash at its end", { "image.registry": "registry.example.com/" }, /registry/],
    ["a quantity that is none", { "resources.limits.memory": "lots" }, /memory/],
    ["a port below 1024", { "metrics.port": 80 }, /port/],
  ])("%s", async (_what, values, word) => {
    await expect(render(values)).rejects.toThrow(word);
  });
});
