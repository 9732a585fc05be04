import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { aStemHub } from "../../testing/stemhub.ts";
import { contentHash } from "../content-hash.ts";
import { dynamicConfiguration, patroniYaml } from "../postgres/patroni.ts";
import { databaseStatefulSet } from "../postgres/statefulset.ts";
import { memberParts } from "./members.ts";
import { jobMounts } from "./mounts.ts";

const repository = {
  endpoint: "https://s3.example",
  bucket: "kept",
  credentialsSecret: { name: "s3" },
  caConfigMap: { name: "s3-ca" },
};
const archiving = (backup: object = {}, spec: object = {}) => aStemHub({ backup: { repository, ...backup }, ...spec });

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}
interface PodTemplate {
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly volumeMounts: readonly Mount[] }[];
    readonly volumes: readonly { readonly name: string }[];
  };
}

function template(stemhub = archiving()): PodTemplate {
  const input = { replicas: 3, image: "postgres:1", clusterDomain: "cluster.local", templateSize: "10Gi" };
  const beside = memberParts(stemhub, input.image);
  return (databaseStatefulSet({ stemhub, ...input, beside }).spec as { template: PodTemplate }).template;
}

/** What a container can read of Secrets and ConfigMaps: their names. */
function readable(container: string, { spec } = template()): string[] {
  const mounts = spec.containers.find(({ name }) => name === container)?.volumeMounts ?? [];
  const volumes = spec.volumes.filter(({ name }) => mounts.some((mount) => mount.name === name));
  return [...JSON.stringify(volumes).matchAll(/"(?:name|secretName)":"((?:studio|s3)[^"]*)"/g)].map(
    ([, name]) => name ?? "",
  );
}

test("given a StemHub without backups, then its members are what they always were: another template restarts every database", () => {
  const stemhub = aStemHub();
  expect(contentHash(JSON.stringify(template(stemhub)))).toBe("e08dd0b4c674");
  expect(contentHash(patroniYaml(stemhub))).toBe("b059505f3b9e");
});

describe("given a StemHub with backups, then of its members", () => {
  test("the container of PostgreSQL has the repository's keys, and its server has none", () => {
    expect(readable("postgres")).toEqual(expect.arrayContaining(["s3", "studio-backup-key", "studio-backup"]));
    expect(readable("backup-server")).toEqual(["studio-backup", "studio-backup-server-tls"]);
  });

  test("both have the data and the sockets at the same places, and each its own /tmp", () => {
    const paths = (container: string) =>
      Object.fromEntries(
        (template().spec.containers.find(({ name }) => name === container)?.volumeMounts ?? []).map(
          ({ name, mountPath }) => [mountPath, name],
        ),
      );
    const [postgres, server] = [paths("postgres"), paths("backup-server")];
    expect([server["/data"], server["/run/postgresql"]]).toEqual([postgres["/data"], postgres["/run/postgresql"]]);
    expect([postgres["/tmp"], server["/tmp"]]).toEqual(["tmp", "backup-tmp"]);
  });

  test("none waits for a Secret that people have yet to make", () => {
    const text = JSON.stringify(template().spec.volumes.filter(({ name }) => /^(backup-member|repository)/.test(name)));
    for (const name of ["s3", "s3-ca", "studio-backup-key"])
      expect(text).toContain(`{"name":"${name}","optional":true`);
  });

  test("the file of Patroni has what archives, so that a member begins with the restart that brings it", () => {
    expect(parse(patroniYaml(archiving())).postgresql.parameters).toMatchObject({
      archive_mode: "on",
      archive_command: "/usr/local/lib/stemhub/archive-segment %p",
    });
  });

  test("another timeout is taken up without a restart", () => {
    const slow = archiving({ archiveTimeoutSeconds: 300 });
    expect(JSON.stringify(template(slow))).toBe(JSON.stringify(template()));
    expect(dynamicConfiguration(slow.spec).postgresql.parameters).toMatchObject({ archive_timeout: "300s" });
  });
});

test.each([
  { size: "100Gi", kept: "4096MB" },
  { size: "10Gi", kept: "2560MB" },
  { size: "1Gi", kept: "256MB" },
])("given a volume of $size, then a replica keeps $kept for the archive's sake", ({ size, kept }) => {
  const { parameters } = dynamicConfiguration(archiving({}, { database: { storage: { size } } }).spec).postgresql;
  expect(parameters).toMatchObject({ wal_keep_size: kept });
});

test("given a passphrase of the user's own, then members and jobs have it, and the operator makes none", () => {
  const stemhub = archiving({ repository: { ...repository, encryptionSecret: { name: "mine" } } });
  if (!stemhub.spec.backup) throw new Error("no backup");
  for (const text of [template(stemhub), jobMounts(stemhub, stemhub.spec.backup)].map((part) => JSON.stringify(part))) {
    expect(text).toContain('"name":"mine"');
    expect(text).not.toContain("studio-backup-key");
  }
});
