import { beforeAll, describe, expect, test } from "vitest";
import { segmentOf } from "../../operator/api/wal-segments.ts";
import { archiveOf, askPrimary, holes } from "../support/archive.ts";
import { type DatabaseClient, databaseClient } from "../support/database.ts";
import { accountOf, startLoad, untilInSync } from "../support/database-load.ts";
import { eventually } from "../support/deadline.ts";
import { lockOf, memberPods } from "../support/members.ts";
import { condition, type SeenStemHub, untilStemHub } from "../support/ready.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { echoStemHub, environment, inNamespace } from "../support/suite.ts";

/* The archive of a StemHub's WAL in a real S3 server, by a way of its own that is cut. */
const kubectl = inNamespace("e2e-archive");
const image = () => environment().images.postgres;
const archiveTimeoutSeconds = 10;

let relay: Relay;
let database: DatabaseClient;

/** The spec as it is to be in the end, but for what a test gets wrong. */
function studio(bucket = environment().storage.backupBucket): object {
  const repository = {
    endpoint: relay.endpoint,
    bucket,
    path,
    credentialsSecret: { name: "s3" },
    caConfigMap: { name: "s3-ca" },
  };
  return echoStemHub("studio", {
    spec: {
      database: { instances: 3, storage: { size: "1Gi" } },
      backup: { repository, archiveTimeoutSeconds },
    },
  });
}
/** Of this run alone: what a former one has left is another database's. */
const path = `/e2e-archive/${Date.now()}`;

beforeAll(async () => {
  relay = await startRelay(kubectl, { name: "relay", image: image(), to: environment().storage });
  await kubectl.apply(
    keys("a wrong secret"),
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s3-ca" }, data: { "ca.crt": relay.ca } },
    studio("no-such-bucket"),
  );
  await untilStemHub(kubectl, "studio");
  database = await databaseClient(kubectl, "studio", image());
}, 240_000);

describe("given a repository that cannot be used, then the database serves, and the status says what to mend", () => {
  test("keys that the store refuses", async () => {
    const seen = await untilArchive("Failing", /refuses the keys of Secret s3 for bucket no-such-bucket/);
    expect(condition(seen, "BackupsRecoverable")).toMatchObject({ status: "False", reason: "ArchiveFailing" });
    expect(condition(seen, "Ready")).toMatchObject({ status: "True" });
    await kubectl.apply(keys(environment().storage.secretAccessKey));
    await takenUp();
  }, 120_000);

  test("a bucket that is not there, and when it is named right the archive begins by itself", async () => {
    await untilArchive("Failing", /There is no bucket no-such-bucket at https:\/\/relay/);
    await kubectl.apply(studio());
    await takenUp();
    await untilArchive("Archiving");
  }, 180_000);
});

test("then what is in the repository is encrypted", async () => {
  const archive = await archiveOf(kubectl, "studio");
  const segment = archive.names.find((name) => name.endsWith(".zst")) ?? "";
  const { leader } = await lockOf(kubectl, "studio");
  const pipe = `"$0" --stanza=db repo-get --raw "archive/db/$1" | head -c 8`;
  const program = "/usr/local/lib/stemhub/pgbackrest-with-keys";
  expect(await kubectl.exec(leader, ["bash", "-c", pipe, program, segment])).toBe("Salted__");
});

test("given an S3 server that is away, when the primary is lost with its volume under writes, then nothing is missing in the archive once it is back", async () => {
  const load = await startLoad(kubectl, "studio", { image: image(), database });
  await untilInSync(kubectl, "studio", 60_000);
  await relay.cut("silent");
  await fillSegments(4);
  const { leader: lost } = await lockOf(kubectl, "studio");
  await kubectl.delete(`persistentvolumeclaim/data-${lost}`);
  await kubectl.delete(`pod/${lost}`, { force: true });
  await eventually("another is primary", 60_000, async () => (await lockOf(kubectl, "studio")).leader !== lost);
  await load.goesOn(20, 60_000);
  await fillSegments(4);
  await untilArchive("Failing", /is not reached/);

  await relay.mend();
  const last = segmentOf(await askPrimary(kubectl, "studio", "SELECT pg_walfile_name(pg_switch_wal())"));
  expect(last.timeline).toBe(2);
  const began = performance.now();
  const archive = await eventually("the last segment is in the archive", 90_000, async () => {
    const found = await archiveOf(kubectl, "studio");
    return found.segments.get(last.timeline)?.includes(last.number) ? found : undefined;
  });
  console.log(`S3 back: caught up after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  const history = await askPrimary(kubectl, "studio", "SELECT pg_read_file('pg_wal/00000002.history')");
  expect(holes(archive, history)).toEqual([]);
  expect(archive.names.join("\n")).toContain("00000002.history");
  await untilArchive("Archiving");
  const { missing, said } = await accountOf(load, database);
  console.log(`failover while S3 was away: ${said}`);
  expect(missing).toEqual([]);
  await untilInSync(kubectl, "studio", 120_000);
}, 300_000);

/** Ends so many segments, each with something in it. */
async function fillSegments(count: number): Promise<void> {
  for (let segment = 0; segment < count; segment += 1) {
    await askPrimary(
      kubectl,
      "studio",
      "SELECT pg_logical_emit_message(true, 'e2e', repeat('stem', 20000)), pg_switch_wal()",
    );
  }
}

/** kubelet brings a changed Secret or ConfigMap into a pod at its next look, a minute later at most; a change of the pod makes it look. */
async function takenUp(): Promise<void> {
  for (const pod of await memberPods(kubectl, "studio")) {
    await kubectl.run(["annotate", `pod/${pod}`, "--overwrite", `e2e/look=${Date.now()}`]);
  }
}

function keys(secretAccessKey: string): object {
  const { accessKeyId } = environment().storage;
  return { apiVersion: "v1", kind: "Secret", metadata: { name: "s3" }, stringData: { accessKeyId, secretAccessKey } };
}

async function untilArchive(state: string, says = /./): Promise<SeenStemHub> {
  return eventually(`the archive is ${state} and says ${says}`, 150_000, async () => {
    const seen = (await kubectl.get("stemhub/studio")) as SeenStemHub;
    const archive = seen.status?.backup?.archive;
    if (archive?.state === state && says.test(archive.message)) return seen;
    throw new Error(JSON.stringify(archive));
  });
}
