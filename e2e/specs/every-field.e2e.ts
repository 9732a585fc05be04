import { afterAll, beforeAll, expect, test } from "vitest";
import { everyFieldSpec } from "../../operator/api/fixtures/specs.ts";
import { eventually } from "../support/deadline.ts";
import { type Echo, echoCommand } from "../support/echo.ts";
import { GatewayClient } from "../support/gateway.ts";
import { untilStemHub } from "../support/ready.ts";
import { selfSigned } from "../support/self-signed.ts";
import { stemHub } from "../support/studio.ts";
import { environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-every-field");

/** The spec with every field set, with images that run here and nothing else changed but what must fit them. */
async function runnable() {
  const spec = everyFieldSpec();
  const image = environment().images.postgres;
  for (const name of Object.keys(spec.release.images)) spec.release.images[name] = image;
  for (const [name, component] of Object.entries<Record<string, unknown>>(spec.components)) {
    component.command = echoCommand;
    if (name !== "api") component.env = [{ name: "GREETING", value: name }];
  }
  spec.components.api.args = ["9000"];
  spec.release.migrate.image = image;
  spec.release.migrate.command = [
    "bash",
    "-c",
    'test "$PWD" = /srv && test "$VERBOSE" = 1 && psql "$DSN" -c "SELECT 1"',
  ];
  spec.release.migrate.env[0].database.parameters = {
    sslmode: "verify-full",
    sslrootcert: "/etc/stemhub/database-ca/ca.crt",
  };
  const [storageClass] = await kubectl.list("storageclasses");
  spec.database.storage.className = storageClass?.metadata.name;
  return stemHub("full", spec);
}

let certificate: { cert: string; key: string };

beforeAll(async () => {
  certificate = await selfSigned("studio.example");
  const secret = (name: string, stringData: Record<string, string>, type = "Opaque") => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name },
    type,
    stringData,
  });
  const configMap = (name: string, data: Record<string, string>) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name },
    data,
  });
  await kubectl.apply(
    secret("studio-extra", { licence: "none" }),
    secret("studio-jwt", { secret: "s" }),
    secret("studio-s3", { accessKeyId: "a", secretAccessKey: "s" }),
    secret("studio-tls", { "tls.crt": certificate.cert, "tls.key": certificate.key }, "kubernetes.io/tls"),
    configMap("studio-config", { mode: "plain" }),
    configMap("s3-ca", { "ca.crt": certificate.cert }),
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "studio-files" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "64Mi" } } },
    },
    await runnable(),
  );
}, 60_000);

// Its data go with it, which the operator sees to: it needs its rights in the namespace until then.
afterAll(() => kubectl.delete("stemhub/full", { wait: true, deadlineMs: 120_000 }), 130_000);

test("given a spec with every field set, then the StemHub becomes Ready and serves by its routes", async () => {
  await untilStemHub(kubectl, "full");
  const gateway = await GatewayClient.open(kubectl, "full", { ca: certificate.cert, host: "studio.example" });
  const headers = { host: "studio.example" };
  // One member on a busy machine may not answer a probe for a moment, and is told to be unavailable for as long.
  const served = (path: string) => eventually(path, 30_000, () => gateway.expect(200, path, { headers }));
  try {
    for (const [path, greeting] of [
      ["/", "web"],
      ["/auth/", "auth"],
      ["/live/", "collaboration"],
      ["/updates/", "updates"],
    ] as const) {
      expect((await served(path)).json<Echo>().greeting).toBe(greeting);
    }
    await served("/api/");
    await gateway.expect(404, "/", { headers: { host: "stranger.example" } });
  } finally {
    gateway.close();
  }
}, 150_000);

test("what the spec says of pods is what runs", async () => {
  const [pod] = await kubectl.list("pods", "app.kubernetes.io/instance=full,app.kubernetes.io/component=api");
  expect(pod?.spec).toMatchObject({
    terminationGracePeriodSeconds: 30,
    securityContext: { runAsUser: 20001, runAsGroup: 20002, fsGroup: 20003, runAsNonRoot: true },
  });
  const name = pod?.metadata.name ?? "";
  const seen = await kubectl.exec(name, [
    "sh",
    "-c",
    'echo "$PLAIN|$X_licence|$mode|$(cat /config/mode)|$(ls /both | xargs)"; touch /cache/a /files/a',
  ]);
  expect(seen.trim()).toBe("a $value|none|plain|plain|licence mode");
});
