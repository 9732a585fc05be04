import { expect, test } from "vitest";
import { databaseClient } from "../support/database.ts";
import { eventually } from "../support/deadline.ts";
import { untilStemHub } from "../support/ready.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-deletion");
const byStemHub = "stemhub.dev/stemhub=kept";

/** Pods of a StemHub have 60 s to end. */
const goneDeadlineMs = 90_000;

test("given deletionPolicy Retain (the default), when the StemHub is deleted, then its app is gone and its data is kept", async () => {
  await kubectl.apply(echoStemHub("kept"));
  await untilStemHub(kubectl, "kept");
  const database = await databaseClient(kubectl, "kept", environment().images.postgres);
  await database.sql("CREATE TABLE songs (title text); INSERT INTO songs VALUES ('Blue Room');", { as: "migrator" });
  const { password } = await kubectl.secret("kept-db-app");
  await kubectl.delete("pod/kept-client", { force: true });

  await kubectl.delete("stemhub/kept", { wait: true });
  await eventually(
    "its pods are gone",
    goneDeadlineMs,
    async () => (await kubectl.list("pods", byStemHub)).length === 0,
  );
  for (const kind of ["deployments", "statefulsets", "services"]) {
    await eventually(
      `its ${kind} are gone`,
      goneDeadlineMs,
      async () => (await kubectl.list(kind, byStemHub)).length === 0,
    );
  }
  expect(await kubectl.list("persistentvolumeclaims")).toHaveLength(1);
  expect((await kubectl.secret("kept-db-app")).password).toBe(password);
}, 240_000);

test("when a StemHub is made again under the same name, then it finds its data, passwords and authority", async () => {
  const authority = await kubectl.secret("kept-ca");
  await kubectl.apply(echoStemHub("kept"));
  await untilStemHub(kubectl, "kept");
  const database = await databaseClient(kubectl, "kept", environment().images.postgres);
  expect(await database.sql("SELECT title FROM songs")).toBe("Blue Room");
  expect(await kubectl.secret("kept-ca")).toEqual(authority);
  await kubectl.delete("pod/kept-client", { force: true });
}, 180_000);

test("given deletionPolicy Delete, when the StemHub is deleted, then volumes, Secrets and Patroni's records go with it", async () => {
  await kubectl.patch("stemhub/kept", { spec: { deletionPolicy: "Delete" } });
  await untilStemHub(kubectl, "kept");
  await kubectl.delete("stemhub/kept", { wait: true });
  expect(await kubectl.find("stemhub/kept")).toBeUndefined();
  for (const kind of ["persistentvolumeclaims", "secrets", "pods", "configmaps"]) {
    await eventually(
      `its ${kind} are gone`,
      goneDeadlineMs,
      async () => (await kubectl.list(kind, byStemHub)).length === 0,
    );
  }
}, 240_000);
