import { z } from "zod";
import { field, matching, objectName } from "./primitives.ts";
import { bucketFields } from "./s3.ts";

/** Where backups and write-ahead log are kept. */
const repositorySchema = z
  .object({
    ...bucketFields("backup.repository", { tlsOnly: true }),
    path: z
      .string()
      .max(512)
      .meta(
        field("Folder in the bucket, of this StemHub alone; /NAMESPACE/NAME where absent.", [
          matching(
            "^(/[A-Za-z0-9._-]+)+$",
            "backup.repository.path must begin with / and not end with it, in letters, digits and . _ -: write it like /music/studio",
          ),
        ]),
      )
      .optional(),
    encryptionSecret: z
      .object({ name: objectName("Name of the Secret, in this namespace.") })
      .meta(
        field(
          "Secret with the key passphrase, by which everything is encrypted before it leaves the pod. Where absent the operator makes one, NAME-backup-key. Keep a copy of it elsewhere: without it no backup can be read.",
        ),
      )
      .optional(),
  })
  .meta(
    field("Where backups and write-ahead log are kept: an S3-compatible bucket.", [
      {
        rule: "has(self.encryptionSecret) == has(oldSelf.encryptionSecret) && (!has(self.encryptionSecret) || self.encryptionSecret.name == oldSelf.encryptionSecret.name) || (has(self.path) && (!has(oldSelf.path) || self.path != oldSelf.path)) || self.bucket != oldSelf.bucket",
        message:
          "backup.repository.encryptionSecret cannot change in the same repository: what is there could not be read any more; name another path or bucket with it",
      },
    ]),
  );

/** Backups and the archive of write-ahead log. */
export const backupSchema = z
  .object({
    repository: repositorySchema,
    archiveTimeoutSeconds: z
      .int()
      .min(10)
      .max(3_600)
      .default(30)
      .meta(
        field(
          "After so many seconds a segment of write-ahead log that is not full is archived as it is: what the loss of every member may cost at most, beside the time it takes to send. A shorter time makes more objects: one each time.",
        ),
      ),
  })
  .meta(
    field(
      "Backups of the database, and the archive of its write-ahead log, by which it can be restored to any moment. Absent: neither. Adding or removing it restarts the members one at a time.",
    ),
  );

/** The backup's block, defaults filled in. */
export type BackupSpec = z.output<typeof backupSchema>;
