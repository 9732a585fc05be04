import type { BackupSpec } from "../../api/backup.ts";
import type { StemHub } from "../../api/stemhub.ts";
import type { ArchiveReport } from "../postgres/probe/archive.ts";
import { repositoryPath } from "./pgbackrest.ts";

/** What pgBackRest says, and what it means in words of the spec, with the next step. */
interface Trouble {
  readonly says: RegExp;
  readonly means: (backup: BackupSpec, path: string) => string;
}

/** The first that fits. What the store itself says comes before what pgBackRest makes of it. */
const troubles: readonly Trouble[] = [
  {
    says: /repository's Secrets have no key passphrase/,
    means: ({ repository: { encryptionSecret } }) =>
      encryptionSecret
        ? `Secret ${encryptionSecret.name} has no key passphrase. Make it, with the passphrase that the repository was begun with.`
        : "The Secret with the generated passphrase is gone. Restore it from where you keep a copy; a new one would not open what is there.",
  },
  {
    says: /repository's Secrets have no key/,
    means: ({ repository: { credentialsSecret } }) =>
      `Secret ${credentialsSecret.name} has no keys accessKeyId and secretAccessKey. Make it; it is taken up by itself.`,
  },
  {
    says: /NoSuchBucket|404 \(Not Found\).*bucket/i,
    means: ({ repository: { bucket, endpoint } }) =>
      `There is no bucket ${bucket} at ${endpoint}. Make it, or correct spec.backup.repository.bucket.`,
  },
  {
    says: /InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|40[13] \((Forbidden|Unauthorized)\)/,
    means: ({ repository: { credentialsSecret, bucket, endpoint } }) =>
      `${endpoint} refuses the keys of Secret ${credentialsSecret.name} for bucket ${bucket}. Correct the Secret, or give the keys the right to read, write, list and delete there.`,
  },
  {
    says: /unable to verify certificate|unable to set user-defined CA|certificate presented by/,
    means: ({ repository: { caConfigMap, endpoint } }) =>
      `The certificate of ${endpoint} is not trusted. ${caConfigMap ? `Put its authority into key ca.crt of ConfigMap ${caConfigMap.name}.` : "Name its authority in spec.backup.repository.caConfigMap."}`,
  },
  {
    says: /do not match|the correct stanza|stanza-upgrade/,
    means: (_, path) =>
      `${path} holds the backups of another database. Name another spec.backup.repository.path; what is there stays.`,
  },
  {
    says: /cipher|CryptoError|unable to flush|decrypt/i,
    means: (_, path) =>
      `What is at ${path} was encrypted with another passphrase. Restore the Secret that it was begun with, or name another spec.backup.repository.path.`,
  },
  {
    says: /unable to connect|unable to get address|timeout|no response|unable to push|HostConnect|\[082\]/i,
    means: ({ repository: { endpoint } }) =>
      `${endpoint} is not reached, or does not answer in time. It is tried again by itself; should it last, look at the network, and at spec.backup.repository.endpoint.`,
  },
];

/** Why nothing is archived and what to do, in a sentence or two. */
export function archiveTrouble(stemhub: StemHub, backup: BackupSpec, report: ArchiveReport | undefined): string {
  if (!report) return "PostgreSQL's log says why: look at the primary's with kubectl logs.";
  const trouble = troubles.find(({ says }) => says.test(report.words));
  if (trouble) return trouble.means(backup, repositoryPath(stemhub, backup));
  return `pgBackRest ended with ${report.code}: ${report.words.slice(0, 400)}`;
}
