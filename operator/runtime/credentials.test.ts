import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeClock } from "../testing/clock.ts";
import { inClusterCredentials, kubeconfigCredentials } from "./credentials.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "credentials-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("in a pod a rotated token is used within a minute, and a rotated CA opens new connections", async () => {
  await writeFile(join(directory, "token"), "first\n");
  await writeFile(join(directory, "ca.crt"), "CA 1");
  const clock = new FakeClock();
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  const credentials = await inClusterCredentials(clock, env, directory);
  expect(credentials.server.href).toBe("https://[fd00::1]/");
  const before = await credentials.current();
  expect(before.headers.authorization).toBe("Bearer first");

  await writeFile(join(directory, "token"), "second\n");
  await writeFile(join(directory, "ca.crt"), "CA 2");
  expect((await credentials.current()).headers.authorization).toBe("Bearer first");
  await clock.advance(60_000);
  const after = await credentials.current();
  expect(after.headers.authorization).toBe("Bearer second");
  expect(after.tls.id).not.toBe(before.tls.id);
});

test("outside of a pod and without a kubeconfig the error says so", async () => {
  await expect(inClusterCredentials(new FakeClock(), {}, directory)).rejects.toThrow("this is not a pod");
});

test("a kubeconfig gives server, CA, client certificate and token", async () => {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "one",
    contexts: [
      { name: "one", context: { cluster: "c", user: "u" } },
      { name: "two", context: { cluster: "c", user: "t" } },
    ],
    clusters: [
      {
        name: "c",
        cluster: {
          server: "https://10.0.0.1:6443",
          "certificate-authority-data": Buffer.from("CA").toString("base64"),
        },
      },
    ],
    users: [
      {
        name: "u",
        user: {
          "client-certificate-data": Buffer.from("CERT").toString("base64"),
          "client-key-data": Buffer.from("KEY").toString("base64"),
        },
      },
      { name: "t", user: { token: "secret" } },
    ],
  };
  const path = join(directory, "config");
  await writeFile(path, JSON.stringify(config));
  const one = await kubeconfigCredentials(path);
  expect(one.server.href).toBe("https://10.0.0.1:6443/");
  expect((await one.current()).tls).toMatchObject({
    ca: Buffer.from("CA"),
    cert: Buffer.from("CERT"),
    key: Buffer.from("KEY"),
  });
  const two = await kubeconfigCredentials(path, "two");
  expect((await two.current()).headers.authorization).toBe("Bearer secret");
});
