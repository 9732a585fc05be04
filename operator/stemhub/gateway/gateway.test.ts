import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../runtime/objects.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { desiredGateway, gatewayUrl } from "./desired.ts";
import { nginxConfiguration } from "./nginx.ts";
import { routesOf } from "./routes.ts";

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly containers: readonly { name: string; volumeMounts: readonly { mountPath: string }[] }[];
}

const images = { api: "a:1", web: "w:1" };
const both = { release: { version: "1", images }, components: { api: { port: 9000 }, web: {} } };
const configuration = (gateway: object = {}, spec: object = both) =>
  nginxConfiguration(aStemHub({ ...spec, gateway }), "cluster.local");
const queued = {
  ...both,
  auth: { jwks: { component: "api", path: "/keys" } },
  queue: {},
};
const queuedRoute = { component: "api", access: "User", writes: "Queue", queue: { aggregate: "/api/{id}" } };
/** The text of the location of a path, in the server that speaks TLS. */
const locationOf = (text: string, path: string) =>
  text.split("listen 8443")[1]?.match(new RegExp(`    location ${path} \\{( [^\n]*\\}|\n.*?\n    \\})`, "s"))?.[0] ??
  "";

describe("given no routes in the spec, then they are", () => {
  test.each([
    ["an api alone", { api: {} }, ["/ api"]],
    ["an api and a web", { api: {}, web: {} }, ["/api/ api", "/ web"]],
    ["a web alone", { web: {} }, ["/ web"]],
  ])("for %s", (_, components, routes) => {
    const given = aStemHub({ release: { version: "1", images }, components });
    expect(routesOf(given).map((route) => `${route.path} ${route.component}`)).toEqual(routes);
  });
});

test("whatever routes are written in whatever order, they come longest prefix first, none lost", () => {
  const paths = fc.uniqueArray(fc.stringMatching(/^(\/[a-z]{1,4}){1,4}\/?$/), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(paths, (written) => {
      const given = aStemHub({ gateway: { routes: written.map((path) => ({ path, component: "api" })) } });
      const lengths = routesOf(given).map((route) => route.path.length);
      expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
      expect(new Set(routesOf(given).map((route) => route.path))).toEqual(new Set(written));
    }),
  );
});

describe("the configuration", () => {
  test("sends a path to its component's Service and port, by a name that is resolved while serving", () => {
    const text = configuration();
    expect(locationOf(text, "/api/")).toContain('set $component "studio-api.music.svc.cluster.local:9000"');
    expect(locationOf(text, "/api/")).toContain("proxy_pass http://$component;");
    expect(locationOf(text, "/")).toContain("studio-web");
  });

  test.each([
    ["10Mi", 10_485_760],
    ["1G", 1_000_000_000],
    ["500k", 500_000],
    ["64Ki", 65_536],
    ["0.5Gi", 536_870_912],
    [1024, 1024],
  ])("says a body of %s in bytes, which is what nginx knows", (bodySize, bytes) => {
    expect(configuration({ limits: { bodySize } })).toContain(`client_max_body_size ${bytes};`);
  });

  test("gives a route limits of its own", () => {
    const routes = [{ path: "/", component: "api", bodySize: "1Gi", timeoutSeconds: 120 }];
    const location = locationOf(configuration({ routes }), "/");
    expect(location).toContain("client_max_body_size 1073741824");
    expect(location).toContain("proxy_read_timeout 120s");
  });

  test("tells nginx each route's marks, and a client's rate", () => {
    const route = { component: "api", capability: "dawParsing", fallback: "/api/list/", writes: "Pass" };
    const rateLimit = { requestsPerSecond: 5, burst: 10 };
    const routes = [
      { path: "/parse/", ...route, rateLimit },
      { path: "/api/", component: "web" },
    ];
    const text = configuration({ routes });
    const location = locationOf(text, "/parse/");
    for (const mark of ["writes Pass", 'capability "dawParsing"', 'fallback_path "/api/list/"']) {
      expect(location).toContain(`set $stemhub_${mark};`);
    }
    expect(location).toMatch(/fallback\).*studio-web.*rewrite \^ \/api\/list\/ break/);
    expect(location).toContain("limit_req zone=route_0 burst=10 nodelay;");
    expect(text).toContain("zone=route_0:10m rate=5r/s;");
  });

  test("answers what no route covers with 404, and never with a component", () => {
    expect(locationOf(configuration({ routes: [{ path: "/api/", component: "api" }] }), "/")).toContain("return 404");
  });

  test("believes forwarded addresses from trusted proxies alone", () => {
    expect(configuration()).not.toContain("set_real_ip_from");
    const trusting = configuration({ trustedProxies: ["10.0.0.0/8"] });
    expect(trusting).toContain("set_real_ip_from 10.0.0.0/8;");
    expect(trusting).toContain("    10.0.0.0/8 1;");
  });

  test("answers to its host alone, when it has one", () => {
    expect(configuration()).not.toContain('if ($host != "');
    expect(configuration({ host: "studio.example" })).toContain('if ($host != "studio.example") { return 404; }');
  });

  test("logs no query, cookie or authorization, in which tokens travel", () => {
    const format = configuration().match(/log_format[^;]*;/)?.[0] ?? "";
    expect(format).not.toMatch(/\$request_uri|\$request\b|\$args|\$http_cookie|\$http_authorization/);
  });

  test("says problems in words that nginx can quote, as JSON", () => {
    const documents = [...configuration().matchAll(/return \d+ '([^\n]*)'; \}/g)].map((match) => match[1] ?? "");
    expect(documents.length).toBeGreaterThanOrEqual(16);
    for (const document of documents) {
      expect(document).not.toContain("'");
      expect(JSON.parse(document)).toMatchObject({
        title: expect.any(String),
        status: expect.any(Number),
        detail: expect.any(String),
      });
    }
  });
});

describe("what the gateway is given of secrets", () => {
  const routes = [
    { path: "/files/", files: {} },
    { path: "/", component: "api", access: "User" },
  ];
  const storage = { endpoint: "https://s3.example", bucket: "stems", credentialsSecret: { name: "s3" } };
  const objects = (auth: object) =>
    desiredGateway({
      stemhub: aStemHub({ auth, storage, gateway: { routes } }),
      image: "g:1",
      clusterDomain: "cluster.local",
    });
  const byKeys = { issuer: "i", jwks: { url: "https://id.example/k" } };
  const bySecret = { hs256: { secret: { name: "jwt", key: "signing" } } };
  // biome-ignore lint/suspicious/noExplicitAny: a Deployment, deep inside.
  const pod = (auth: object) => (objects(auth).find(({ kind }) => kind === "Deployment") as any).spec.template;

  test("is mounted in nginx's container alone", () => {
    const { containers, volumes } = pod(bySecret).spec;
    expect(volumes).toContainEqual({
      name: "token-secret",
      secret: { secretName: "jwt", items: [{ key: "signing", path: "secret" }], defaultMode: 0o440 },
    });
    for (const container of containers) {
      const mounted = container.volumeMounts.map(({ name }: { name: string }) => name);
      for (const name of ["token-secret", "storage-credentials"]) {
        expect(mounted.includes(name)).toBe(container.name === "nginx");
      }
    }
  });
  test("is in none of its files, which only name what njs must know", () => {
    const [files] = objects(bySecret);
    expect(JSON.stringify(files)).not.toMatch(/"jwt"|signing|"s3"/);
    expect(Object.keys(files?.data as object)).toEqual(["nginx.conf", "auth.json", "storage.json"]);
  });
  test("another source of keys rolls the pods, so that no pod goes on with the former one's", () => {
    const hash = (auth: object) => pod(auth).metadata.annotations["stemhub.dev/configuration"];
    expect(hash({ ...byKeys, jwks: { url: "https://other.example/k" } })).not.toBe(hash(byKeys));
  });
});

describe("the gateway's objects", () => {
  const of = (gateway: object) =>
    desiredGateway({ stemhub: aStemHub({ gateway }), image: "g:1", clusterDomain: "cluster.local" });
  const find = (gateway: object, kind: string) => of(gateway).find((object) => object.kind === kind);

  test("two replicas have a budget, one has none", () => {
    expect(find({}, "PodDisruptionBudget")).toBeDefined();
    expect(find({ replicas: 1 }, "PodDisruptionBudget")).toBeUndefined();
  });
  test("the API server's token is in the mode-agent's container alone, and reads the one ConfigMap", () => {
    const { template } = (find({}, "Deployment") as { spec: { template: { spec: PodSpec } } } & KubeObject).spec;
    const holders = template.spec.containers.filter(({ volumeMounts }) =>
      volumeMounts.some(({ mountPath }) => mountPath.startsWith("/var/run/secrets/kubernetes.io")),
    );
    expect(holders.map(({ name }) => name)).toEqual(["mode-agent"]);
    expect(template.spec.automountServiceAccountToken).toBe(false);
    expect(find({}, "Role")?.rules).toEqual([
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["studio-mode"], verbs: ["get", "list", "watch"] },
    ]);
  });
  test("a changed configuration rolls the pods", () => {
    const hash = (gateway: object) =>
      JSON.stringify(find(gateway, "Deployment")).match(/configuration":"(\w{12})/)?.[1];
    expect(hash({ limits: { timeoutSeconds: 5 } })).not.toBe(hash({}));
  });
  test("without a route of files it neither has the storage's credentials nor rolls when the storage is another", () => {
    const deployment = (bucket: string, routes: object) => {
      const storage = { endpoint: "https://s3.example", bucket, credentialsSecret: { name: "keys" } };
      const stemhub = aStemHub({ storage, gateway: routes });
      const all = desiredGateway({ stemhub, image: "g:1", clusterDomain: "cluster.local" });
      return JSON.stringify(all.find(({ kind }) => kind === "Deployment"));
    };
    expect(deployment("songs", {})).toBe(deployment("stems", {}));
    expect(deployment("songs", {})).not.toContain("keys");
    const files = { routes: [{ path: "/files/", files: { prefix: "" } }] };
    expect(deployment("songs", files)).not.toBe(deployment("stems", files));
    expect(deployment("songs", files)).toContain('"secretName":"keys"');
  });
  test("the certificate is the user's, or one of the StemHub's own authority", () => {
    expect(JSON.stringify(find({}, "Deployment"))).toContain('"secretName":"studio-gateway-tls"');
    expect(JSON.stringify(find({ tls: { secretName: "mine" } }, "Deployment"))).toContain('"secretName":"mine"');
  });
  test("the Service has the type, ports and annotations of the spec", () => {
    const service = find({ service: { type: "NodePort", httpsNodePort: 30443, annotations: { a: "b" } } }, "Service");
    expect(service).toMatchObject({
      metadata: { annotations: { a: "b" } },
      spec: {
        type: "NodePort",
        ports: [
          { name: "http", port: 80 },
          { name: "https", port: 443, nodePort: 30443 },
        ],
      },
    });
  });
  test.each([
    [{}, "https://studio-gateway.music.svc"],
    [{ host: "studio.example" }, "https://studio.example"],
    [{ host: "studio.example", service: { type: "NodePort", httpsNodePort: 30443 } }, "https://studio.example:30443"],
  ])("given %j, the platform is reached at %s", (gateway, url) => {
    expect(gatewayUrl(aStemHub({ gateway }))).toBe(url);
  });
});

describe("given a queue", () => {
  const routes = [
    { ...queuedRoute, path: "/api/songs/" },
    { path: "/", component: "web" },
  ];
  const text = configuration({ routes }, queued);
  const podOf = (spec: Parameters<typeof aStemHub>[0]) => {
    const objects = desiredGateway({ stemhub: aStemHub(spec), image: "gateway:1", clusterDomain: "cluster.local" });
    const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as {
      spec: { template: { spec: PodSpec } };
    };
    return deployment.spec.template.spec.containers.map(({ name, volumeMounts }) => [
      name,
      volumeMounts.some(({ mountPath }) => mountPath === "/etc/stemhub/queue-client"),
    ]);
  };

  test("then a route whose writes are queued keeps their bodies, and no other route does", () => {
    expect(locationOf(text, "/api/songs/")).toContain("proxy_request_buffering on;");
    expect(locationOf(text, "/api/songs/")).toContain("if ($stemhub_gate = queue) { return 593; }");
    expect(locationOf(text, "/")).not.toMatch(/queue|request_buffering/);
  });

  test("then it is asked by its name, which is looked up while serving and must be its certificate's", () => {
    const asked = locationOf(text, "= /.well-known/stemhub/queue");
    expect(asked).toContain('set $queue "studio-queue.music.svc.cluster.local:8443";');
    expect(asked).toContain("proxy_ssl_name studio-queue.music.svc.cluster.local;");
    expect(asked).toContain("proxy_ssl_verify on;");
    expect(asked).toContain("internal;");
  });

  test("then nginx's container alone has its certificate, and without a queue nobody", () => {
    expect(podOf({ ...queued, gateway: { routes } })).toEqual([
      ["nginx", true],
      ["mode-agent", false],
    ]);
    expect(podOf(both).map(([, has]) => has)).toEqual([false, false]);
    expect(configuration()).not.toMatch(/@queue|queue-client/);
  });
});
