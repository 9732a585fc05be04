import type { BackupSpec } from "../../api/backup.ts";
import type { StemHub } from "../../api/stemhub.ts";
import { childNames } from "../names.ts";
import { backupPaths, type PgBackRestFiles } from "./pgbackrest.ts";

/** A volume of a pod, and where its container has it. */
export interface Mounted {
  readonly volume: { readonly name: string; readonly projected: object };
  readonly mount: { readonly name: string; readonly mountPath: string; readonly readOnly: true };
}

/** pgBackRest refuses keys that others may read: root's, with our group, and nobody else. */
const keysMode = 0o440;

/** For a container that archives: configuration and the repository's keys. */
export function memberMounts(stemhub: StemHub, backup: BackupSpec): readonly Mounted[] {
  const configuration = [files(stemhub, { "common.conf": "pgbackrest.conf", "member.conf": "conf.d/member.conf" })];
  return [
    mounted("backup-member", backupPaths.configuration, [...configuration, ...authority(backup)]),
    keys(stemhub, backup),
  ];
}

/** For the TLS server beside it: whom it lets in, and what it shows. */
export function serverMounts(stemhub: StemHub): readonly Mounted[] {
  const { backupServerTls } = childNames(stemhub.metadata.name);
  const configuration = files(stemhub, { "server.conf": "pgbackrest.conf" });
  return [mounted("backup-server", backupPaths.configuration, [configuration, certificate(backupServerTls)])];
}

/** For a job: the repository, its keys, and the members' servers. */
export function jobMounts(stemhub: StemHub, backup: BackupSpec): readonly Mounted[] {
  const { backupClientTls } = childNames(stemhub.metadata.name);
  const configuration = files(stemhub, { "common.conf": "pgbackrest.conf", "job.conf": "conf.d/job.conf" });
  const sources = [configuration, ...authority(backup), certificate(backupClientTls)];
  return [mounted("backup-job", backupPaths.configuration, sources), keys(stemhub, backup)];
}

/**
 * What people bring is optional to kubelet: a member whose Secret is not there must start all the same, and says what it
 * lacks when it archives.
 */
function keys(stemhub: StemHub, { repository }: BackupSpec): Mounted {
  const encryption = repository.encryptionSecret?.name ?? childNames(stemhub.metadata.name).backupKey;
  return mounted("repository-keys", backupPaths.keys, [
    secret(repository.credentialsSecret.name, ["accessKeyId", "secretAccessKey"], { optional: true }),
    secret(encryption, ["passphrase"], { optional: true }),
  ]);
}

function authority({ repository: { caConfigMap } }: BackupSpec): object[] {
  if (!caConfigMap) return [];
  const path = backupPaths.repositoryAuthority.slice(backupPaths.configuration.length + 1);
  return [{ configMap: { name: caConfigMap.name, optional: true, items: [{ key: "ca.crt", path }] } }];
}

function files(stemhub: StemHub, paths: Partial<Record<keyof PgBackRestFiles, string>>): object {
  const items = Object.entries(paths).map(([key, path]) => ({ key, path }));
  return { configMap: { name: childNames(stemhub.metadata.name).backup, items } };
}

function certificate(name: string): object {
  return secret(name, ["ca.crt", "tls.crt", "tls.key"], {}, "tls/");
}

function secret(name: string, keysOf: readonly string[], more: object, folder = ""): object {
  return { secret: { name, ...more, items: keysOf.map((key) => ({ key, path: `${folder}${key}` })) } };
}

function mounted(name: string, mountPath: string, sources: readonly object[]): Mounted {
  return {
    volume: { name, projected: { defaultMode: keysMode, sources } },
    mount: { name, mountPath, readOnly: true },
  };
}
